//! Requests on a few threads, the live socket on one more. Plain HTTP to our own server.

use super::{MAX_BODY, Outcome, Ticket, Work, finish};
use bevy::prelude::Resource;
use std::collections::{HashSet, VecDeque};
use std::net::TcpStream;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;
use tungstenite::client::IntoClientRequest;
use tungstenite::{Message, stream::MaybeTlsStream};

const THREADS: usize = 6;
/// Messages heard and not yet looked at. A viewer that is behind by so many stops reading; the server then sends it
/// what is, not every step to it.
const HEARD_AHEAD: usize = 1024;
const TIMEOUT: Duration = Duration::from_secs(30);

struct Job {
    ticket: Ticket,
    path: String,
    body: Option<String>,
    work: Work,
}

#[derive(Default)]
struct Queue {
    jobs: Mutex<(VecDeque<Job>, HashSet<Ticket>)>,
    wake: Condvar,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, (VecDeque<Job>, HashSet<Ticket>)> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Resource)]
pub struct Client {
    queue: Arc<Queue>,
    done: Mutex<Receiver<(Ticket, Outcome)>>,
    next: Ticket,
    server: String,
    key: Option<String>,
    live: Option<LiveSocket>,
}

struct LiveSocket {
    heard: Mutex<Receiver<LiveEvent>>,
    say: Sender<String>,
}

/// What the live socket tells.
#[derive(Clone, Debug, PartialEq)]
pub enum LiveEvent {
    Open,
    Text(String),
    Closed,
}

impl Client {
    pub fn new(server: &str, key: Option<String>, lang: &str) -> Self {
        let server = server.trim_end_matches('/').to_owned();
        let queue = Arc::new(Queue::default());
        let (tell, done) = channel();
        let config = ureq::Agent::config_builder().timeout_global(Some(TIMEOUT)).http_status_as_error(false).max_redirects(0).build();
        let agent = ureq::Agent::new_with_config(config);
        for _ in 0..THREADS {
            let (queue, tell, agent) = (queue.clone(), tell.clone(), agent.clone());
            let (server, key, lang) = (server.clone(), key.clone(), lang.to_owned());
            thread::spawn(move || {
                loop {
                    let job = next_job(&queue);
                    let outcome = perform(&agent, &server, key.as_deref(), &lang, &job);
                    if !queue.lock().1.remove(&job.ticket) && tell.send((job.ticket, outcome)).is_err() {
                        return;
                    }
                }
            });
        }
        Self { queue, done: Mutex::new(done), next: 1, server, key, live: None }
    }

    pub fn get(&mut self, path: &str, work: Work) -> Ticket {
        self.start(path, None, work)
    }

    pub fn post(&mut self, path: &str, body: String) -> Ticket {
        self.start(path, Some(body), Work::Bytes)
    }

    fn start(&mut self, path: &str, body: Option<String>, work: Work) -> Ticket {
        let ticket = self.next;
        self.next += 1;
        self.queue.lock().0.push_back(Job { ticket, path: path.to_owned(), body, work });
        self.queue.wake.notify_one();
        ticket
    }

    /// The outcome will not come any more.
    pub fn cancel(&mut self, ticket: Ticket) {
        let mut jobs = self.queue.lock();
        let waiting = jobs.0.len();
        jobs.0.retain(|job| job.ticket != ticket);
        if jobs.0.len() == waiting {
            jobs.1.insert(ticket);
        }
    }

    pub fn poll(&mut self) -> Vec<(Ticket, Outcome)> {
        let done = self.done.get_mut().unwrap_or_else(PoisonError::into_inner);
        done.try_iter().collect()
    }

    /// Opens the live socket and keeps it open.
    pub fn open_live(&mut self) {
        let (tell, heard) = sync_channel(HEARD_AHEAD);
        let (say, to_say) = channel();
        let url = format!("{}/live", self.server.replacen("http://", "ws://", 1));
        let key = self.key.clone();
        thread::spawn(move || keep_live(&url, key.as_deref(), &tell, &to_say));
        self.live = Some(LiveSocket { heard: Mutex::new(heard), say });
    }

    pub fn say_live(&mut self, text: String) {
        if let Some(live) = &self.live {
            // The thread ends only with the program.
            let _ = live.say.send(text);
        }
    }

    pub fn hear_live(&mut self) -> Vec<LiveEvent> {
        let Some(live) = &mut self.live else { return Vec::new() };
        live.heard.get_mut().unwrap_or_else(PoisonError::into_inner).try_iter().collect()
    }
}

fn next_job(queue: &Queue) -> Job {
    let mut jobs = queue.lock();
    loop {
        if let Some(job) = jobs.0.pop_front() {
            return job;
        }
        jobs = queue.wake.wait(jobs).unwrap_or_else(PoisonError::into_inner);
    }
}

fn perform(agent: &ureq::Agent, server: &str, key: Option<&str>, lang: &str, job: &Job) -> Outcome {
    let url = format!("{server}{}", job.path);
    let answer = match &job.body {
        None => agent.get(&url).header("Accept-Language", lang).call(),
        Some(body) => {
            let request = agent.post(&url).header("Accept-Language", lang).header("Content-Type", "application/json");
            let request = match key {
                Some(key) => request.header("Authorization", format!("Bearer {key}")),
                None => request,
            };
            request.send(body)
        }
    };
    let read = answer.and_then(|mut answer| {
        let body = answer.body_mut().with_config().limit(MAX_BODY).read_to_vec()?;
        Ok((answer.status().as_u16(), body))
    });
    match read {
        Ok((status, body)) => finish(status, body, job.work),
        Err(error) => Outcome::Failed(format!("{url}: {error}")),
    }
}

/// Reconnects with growing patience. Reading waits at most a fifth of a second, so that what is to be said gets out.
fn keep_live(url: &str, key: Option<&str>, tell: &SyncSender<LiveEvent>, to_say: &Receiver<String>) {
    let mut patience = Duration::from_millis(250);
    loop {
        if let Ok(mut socket) = connect(url, key) {
            patience = Duration::from_millis(250);
            // What was to be said on the last connection belongs to it.
            to_say.try_iter().for_each(drop);
            if tell.send(LiveEvent::Open).is_err() {
                return;
            }
            loop {
                for text in to_say.try_iter() {
                    if socket.send(Message::text(text)).is_err() {
                        break;
                    }
                }
                match socket.read() {
                    Ok(Message::Text(text)) => {
                        if tell.send(LiveEvent::Text(text.to_string())).is_err() {
                            return;
                        }
                    }
                    Ok(_) => {}
                    Err(tungstenite::Error::Io(error))
                        if matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) => {}
                    Err(_) => break,
                }
            }
            if tell.send(LiveEvent::Closed).is_err() {
                return;
            }
        }
        thread::sleep(patience);
        patience = (patience * 2).min(Duration::from_secs(10));
    }
}

type Socket = tungstenite::WebSocket<MaybeTlsStream<TcpStream>>;

fn connect(url: &str, key: Option<&str>) -> Result<Socket, Box<dyn std::error::Error>> {
    let mut request = url.into_client_request()?;
    if let Some(key) = key {
        request.headers_mut().insert("Authorization", format!("Bearer {key}").parse()?);
    }
    let (socket, _) = tungstenite::connect(request)?;
    if let MaybeTlsStream::Plain(stream) = socket.get_ref() {
        stream.set_read_timeout(Some(Duration::from_millis(200)))?;
    }
    Ok(socket)
}
