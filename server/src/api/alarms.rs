//! `/alarms`: what is wrong now, and who has seen it.

use super::live_json::{self, Interest};
use super::params::Params;
use super::reply::json;
use crate::app::App;
use crate::problem::{ApiError, ApiResult, Kind};
use axum::extract::{Path, State};
use axum::response::Response;
use citytwin_wire::live::Alarms;

/// The alarms that are on, worst first.
pub async fn list(State(app): State<App>, params: Params) -> ApiResult<Response> {
    params.done()?;
    let view = app.view();
    let hub = app.hub.clone();
    let alarms = app.compute.run(move || live_json::alarms(&view, &hub.all(), &Interest::default())).await?;
    json(&Alarms { alarms })
}

/// Note that someone has seen an alarm; on disk when it is answered.
pub async fn acknowledge(State(app): State<App>, Path(id): Path<String>) -> ApiResult<Response> {
    let number = id.parse::<i64>().map_err(|_| ApiError::new(Kind::AlarmUnknown).with("id", &id))?;
    let alarm = app.readings.acknowledge(number, "admin").await?;
    tracing::info!(target: "audit", author = "admin", alarm = number, "alarm acknowledged");
    json(&live_json::alarm(&app.view(), &alarm))
}
