//! Readings in, latest values and alarms out.

use super::Desk;
use crate::clock;
use insta::assert_json_snapshot;
use serde_json::json;

fn at(secs_ago: i64) -> String {
    clock::now().plus_millis(-secs_ago * 1000).to_string()
}

async fn report(desk: &Desk, value: f64, secs_ago: i64) -> super::Answer {
    desk.change("POST", "/readings", &[], &json!({"datastream": "H-1.pressure", "time": at(secs_ago), "value": value}).to_string()).await
}

#[tokio::test]
async fn a_reading_becomes_the_latest_value_with_all_that_it_is_shown_with() {
    let desk = Desk::open().await;
    assert_eq!(desk.get("/readings/latest").await.json(), json!({"values": []}));
    let answer = report(&desk, 281.5, 10).await;
    assert_eq!(answer.json(), json!({"accepted": 1, "duplicates": 0, "refused": []}));
    assert_json_snapshot!(desk.get("/readings/latest").await.json(), { ".values[].measured_at" => "[time]" });
}

#[tokio::test]
async fn a_batch_says_what_was_taken_and_what_was_not_and_why() {
    let desk = Desk::open().await;
    let (now, ahead) = (at(5), at(-3600));
    let batch = json!([
        {"datastream": "H-1.pressure", "time": now, "value": 280},
        {"datastream": "H-1.pressure", "time": now, "value": 280},
        {"datastream": "nobody", "value": 1},
        {"datastream": "P-1.flow", "time": "noon", "value": 1},
        {"datastream": "P-1.flow", "time": ahead, "value": 1},
        {"datastream": "P-1.flow", "time": now, "value": 12.5},
        {"datastream": "P-1.flow"},
    ]);
    assert_json_snapshot!(desk.change("POST", "/readings", &[], &batch.to_string()).await.json());
    let lines = format!("{{\"datastream\":\"P-1.flow\",\"time\":\"{}\",\"value\":1}}\n\nnot json\n", at(1));
    let ndjson = desk.change("POST", "/readings", &[("content-type", "application/x-ndjson")], &lines).await.json();
    assert_eq!((&ndjson["accepted"], &ndjson["refused"][0]["line"]), (&json!(1), &json!(3)));
    assert_eq!(
        desk.change("POST", "/readings", &[("content-type", "text/csv")], "a,b").await.refusal(),
        (415, "media_type_unknown".into())
    );
    assert_eq!(desk.change("POST", "/readings", &[], "[{").await.refusal(), (400, "body_invalid".into()));
}

#[tokio::test]
async fn a_batch_that_no_queue_will_ever_hold_is_refused_for_good() {
    let desk = Desk::open().await;
    let batch = format!("[{}]", vec![r#"{"datastream":"P-1.flow","value":1}"#; 250_000].join(","));
    let refused = desk.change("POST", "/readings", &[], &batch).await;
    assert_eq!(refused.refusal(), (413, "too_large".into()));
    assert!(refused.headers.get("retry-after").is_none(), "come again would be a lie");
    let said = refused.json()["detail"].as_str().unwrap().to_owned();
    assert!(said.contains("250000") && said.contains("100000"), "{said}");
}

#[tokio::test]
async fn a_series_is_oldest_first_and_bounded() {
    let desk = Desk::open().await;
    for i in 0..5 {
        report(&desk, 280.0 + f64::from(i), 50 - i64::from(i)).await;
    }
    let series = desk.get("/readings/H-1.pressure?limit=3").await.json();
    let values: Vec<f64> = series["readings"].as_array().unwrap().iter().map(|point| point["value"].as_f64().unwrap()).collect();
    assert_eq!((values, &series["truncated"], &series["unit"]), (vec![282.0, 283.0, 284.0], &json!(true), &json!("kPa")));
    let csv = desk.get("/readings/H-1.pressure?f=csv&limit=1").await.text();
    assert!(csv.contains("pressure (kPa)") && csv.contains("\r\nH-1.pressure,") && csv.contains(",284,true\r\n"), "{csv}");
    assert_eq!(desk.get("/readings/nobody").await.refusal(), (404, "datastream_unknown".into()));
    assert_eq!(desk.get("/readings/H-1.pressure?from=noon").await.refusal(), (400, "parameter_invalid".into()));
}

#[tokio::test]
async fn an_alarm_is_raised_acknowledged_and_cleared_with_its_band() {
    let desk = Desk::open().await;
    report(&desk, 139.0, 50).await;
    let alarms = desk.get("/alarms").await.json();
    assert_json_snapshot!(alarms, { ".alarms[].since" => "[time]" });
    assert_eq!(desk.get("/readings/latest").await.json()["values"][0]["alarm"], "serious");
    let id = alarms["alarms"][0]["id"].as_i64().unwrap();
    let done = desk.change("POST", &format!("/alarms/{id}/acknowledge"), &[], "").await;
    assert_eq!((done.status, &done.json()["state"]), (200, &json!("acknowledged")));
    // Back above the limit, but within the band: still on.
    report(&desk, 149.0, 40).await;
    assert_eq!(desk.get("/alarms").await.json()["alarms"][0]["state"], "acknowledged");
    report(&desk, 151.0, 30).await;
    assert_eq!(desk.get("/alarms").await.json(), json!({"alarms": []}));
    assert_eq!(desk.change("POST", &format!("/alarms/{id}/acknowledge"), &[], "").await.refusal(), (409, "alarm_cleared".into()));
    assert_eq!(desk.change("POST", "/alarms/999/acknowledge", &[], "").await.refusal(), (404, "alarm_unknown".into()));
    assert_eq!(desk.change("POST", "/alarms/x/acknowledge", &[], "").await.refusal(), (404, "alarm_unknown".into()));
}

#[tokio::test]
async fn a_new_limit_holds_for_the_next_reading() {
    let desk = Desk::open().await;
    report(&desk, 250.0, 50).await;
    assert_eq!(desk.get("/alarms").await.json(), json!({"alarms": []}));
    let done = desk.change("PATCH", "/collections/datastream/items/1", &[], r#"{"properties":{"alarm_low":260}}"#).await;
    assert_eq!(done.status, 200, "{}", done.text());
    for i in 0..40 {
        report(&desk, 250.0, 45 - i).await;
        if desk.get("/alarms").await.json()["alarms"].as_array().unwrap().len() == 1 {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(25)).await;
    }
    panic!("the new limit was not taken over");
}
