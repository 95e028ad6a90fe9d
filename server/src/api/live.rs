//! `/live`: the WebSocket that keeps a client in step. Protocol `citytwin.live.v1`, see wire.
//!
//! Nothing is queued for a client: when it can take more, it gets the newest state of what has changed since its last
//! message (see hub). Alarms and edits go at once, values at most four times a second.

use super::live_json::{self, Interest};
use crate::app::{App, ended};
use crate::hub::{News, Seq};
use crate::problem::{ApiError, ApiResult, Kind, lang_of};
use crate::view::View;
use axum::extract::State;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code};
use axum::http::HeaderMap;
use axum::response::Response;
use citytwin_assets::Lang;
use citytwin_model::Bounds;
use citytwin_wire::live::{FromClient, FromServer, PROTOCOL};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::time::timeout;

const FRAME_EVERY: Duration = Duration::from_millis(250);
/// Urgent news of one burst go together.
const URGENT_EVERY: Duration = Duration::from_millis(20);
/// A client that takes nothing for so long is gone.
const SEND_PATIENCE: Duration = Duration::from_secs(20);
const PING_EVERY: Duration = Duration::from_secs(20);
const MAX_MESSAGE_BYTES: usize = 64 << 10;
/// A client may subscribe anew this often.
const SUBSCRIBE_EVERY: Duration = Duration::from_millis(50);
/// Messages with more things are put together on the compute pool.
const SMALL: usize = 256;

/// Values, alarms and edits as they happen.
pub async fn live(State(app): State<App>, headers: HeaderMap, upgrade: WebSocketUpgrade) -> ApiResult<Response> {
    let place = Place::take(&app)?;
    let lang = lang_of(&headers);
    let upgrade = upgrade.max_message_size(MAX_MESSAGE_BYTES).max_frame_size(MAX_MESSAGE_BYTES);
    Ok(upgrade.on_upgrade(move |socket| async move {
        let mut client = Client { app, socket, lang, interest: None, seen: 0, _place: place };
        let _ = client.serve().await;
    }))
}

/// One of the places for subscribers, given back at the end.
struct Place(App);

impl Place {
    fn take(app: &App) -> ApiResult<Self> {
        let most = i64::try_from(app.config.max_subscribers).unwrap_or(i64::MAX);
        if app.metrics.live_subscribers.add_below(most) { Ok(Self(app.clone())) } else { Err(Kind::TooManySubscribers.into()) }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.metrics.live_subscribers.add(-1);
    }
}

struct Client {
    app: App,
    socket: WebSocket,
    lang: Lang,
    /// `None` until the client has subscribed.
    interest: Option<Interest>,
    /// The last change it was told of.
    seen: Seq,
    _place: Place,
}

/// The client has gone, or takes nothing any more.
struct Gone;

impl Client {
    async fn serve(&mut self) -> Result<(), Gone> {
        let hello = FromServer::Hello {
            protocol: PROTOCOL.to_owned(),
            revision: self.app.view().revision(),
            simulated: self.app.store.config().simulated || self.app.config.simulate,
        };
        self.send(&hello).await?;
        let (mut any, mut urgent) = (self.app.hub.any.subscribe(), self.app.hub.urgent.subscribe());
        let mut stopping = self.app.stopping.subscribe();
        let mut last_frame = Instant::now();
        let mut pings = tokio::time::interval(PING_EVERY);
        loop {
            let (subscribed, seen) = (self.interest.is_some(), self.seen);
            tokio::select! {
                message = self.socket.recv() => match message {
                    Some(Ok(Message::Text(text))) => self.hear(text.as_str()).await?,
                    Some(Ok(Message::Binary(_))) => self.refuse("live_text_only").await?,
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                    Some(Ok(Message::Close(_))) | Some(Err(_)) | None => return Err(Gone),
                },
                due = due(&mut urgent, seen, last_frame + URGENT_EVERY), if subscribed => {
                    due?;
                    self.tell().await?;
                    last_frame = Instant::now();
                }
                due = due(&mut any, seen, last_frame + FRAME_EVERY), if subscribed => {
                    due?;
                    self.tell().await?;
                    last_frame = Instant::now();
                }
                _ = pings.tick() => self.put(Message::Ping(Default::default())).await?,
                () = ended(&mut stopping) => {
                    let end = CloseFrame { code: close_code::AWAY, reason: "server stops".into() };
                    return self.put(Message::Close(Some(end))).await;
                }
            }
        }
    }

    async fn hear(&mut self, text: &str) -> Result<(), Gone> {
        let Ok(FromClient::Subscribe { r#box, classes, since }) = serde_json::from_str(text) else {
            return self.refuse("live_not_understood").await;
        };
        let bounds = match r#box {
            None => None,
            Some([west, south, east, north]) => {
                let bounds = Bounds::new(west, south, east, north);
                if bounds.is_empty() || ![west, south, east, north].iter().all(|x| x.is_finite()) {
                    return self.refuse("live_box").await;
                }
                Some(bounds)
            }
        };
        self.interest = Some(Interest { bounds, classes: classes.map(|classes| classes.into_iter().collect()) });
        // Who comes back after a break and names the last number gets what is new; all others everything.
        match since.and_then(|since| self.app.hub.since(since)) {
            Some(news) => {
                self.seen = news.seq;
                let empty = FromServer::Delta {
                    seq: news.seq,
                    values: Vec::new(),
                    alarms: Vec::new(),
                    revision: None,
                    changed: Vec::new(),
                    changed_more: false,
                    overlays: None,
                };
                let message = self.compose(news, live_json::delta).await;
                self.put(message.unwrap_or_else(|| text_of(&empty))).await?;
            }
            None => {
                let news = self.app.hub.all();
                self.seen = news.seq;
                if let Some(message) = self.compose(news, |view, news, interest| Some(live_json::snapshot(view, news, interest))).await {
                    self.put(message).await?;
                }
            }
        }
        tokio::time::sleep(SUBSCRIBE_EVERY).await;
        Ok(())
    }

    /// Sends what is newer than the client has seen.
    async fn tell(&mut self) -> Result<(), Gone> {
        let news = self.app.hub.since(self.seen).unwrap_or_else(|| self.app.hub.all());
        if news.is_empty() {
            return Ok(());
        }
        self.seen = news.seq;
        match self.compose(news, live_json::delta).await {
            Some(message) => self.put(message).await,
            None => Ok(()),
        }
    }

    /// Puts a message together, on the pool if it is large. `None` when it would say nothing.
    fn compose(&self, news: News, make: Make) -> impl Future<Output = Option<Message>> + Send + use<> {
        compose(self.app.clone(), self.interest.clone().unwrap_or_default(), news, make)
    }

    async fn refuse(&mut self, code: &str) -> Result<(), Gone> {
        let detail = citytwin_assets::say(self.lang, &format!("live.{code}"), &[]);
        self.send(&FromServer::Refused { code: code.to_owned(), detail }).await?;
        tokio::time::sleep(SUBSCRIBE_EVERY).await;
        Ok(())
    }

    async fn send(&mut self, message: &FromServer) -> Result<(), Gone> {
        self.put(text_of(message)).await
    }

    async fn put(&mut self, message: Message) -> Result<(), Gone> {
        let started = Instant::now();
        let sent = timeout(SEND_PATIENCE, self.socket.send(message)).await;
        self.app.metrics.live_messages.add(1);
        if started.elapsed() > FRAME_EVERY {
            self.app.metrics.live_slow.add(1);
        }
        match sent {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Gone),
        }
    }
}

type Make = fn(&View, &News, &Interest) -> Option<FromServer>;

async fn compose(app: App, interest: Interest, news: News, make: Make) -> Option<Message> {
    let large = news.values.len() + news.alarms.len() + news.changed.len() > SMALL;
    let parts = Arc::new((app.view(), news, interest));
    let work = move |(view, news, interest): &(Arc<View>, News, Interest)| make(view, news, interest).map(|message| text_of(&message));
    if large {
        let on_pool = parts.clone();
        if let Ok(message) = app.compute.run(move || work(&on_pool)).await {
            return message;
        }
    }
    // Small, or the pool is too busy: the client's number has moved on already, so it must be said.
    work(&parts)
}

fn text_of(message: &FromServer) -> Message {
    match serde_json::to_string(message) {
        Ok(text) => Message::Text(text.into()),
        Err(error) => {
            let _ = ApiError::internal(error);
            Message::Text("{}".into())
        }
    }
}

/// Something newer than what the client has seen, but not before its time. Holds no state: it may be dropped and asked again.
async fn due(changes: &mut watch::Receiver<Seq>, seen: Seq, earliest: Instant) -> Result<(), Gone> {
    changes.wait_for(|seq| *seq > seen).await.map_err(|_| Gone)?;
    tokio::time::sleep_until(earliest.into()).await;
    Ok(())
}
