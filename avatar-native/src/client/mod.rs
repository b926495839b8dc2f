//! The facade's protocol from the client's side: requests out, answers back by their call's number.

mod value;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use avatar_proto::client_frame::Frame as Ask;
use avatar_proto::host_frame::Frame;
use avatar_proto::host_response::Response as HostAnswer;
use avatar_proto::{
    AppError, ClientBatch, ClientFrame, ErrorCode, HostBatch, HostReady, HostRequest, HostStatus, HostStatusGet,
    Message as _, Request, Response, host_request, request, response,
};
use tokio::sync::{mpsc, oneshot};

use crate::error::app_error;
use crate::host::Connection;
use crate::wire::Message;

pub use value::{Document, Id, NoId, Opening, View, row_to_json, to_json};

/// What came back for a call.
enum Answer {
    App(response::Response, bool),
    Host(HostAnswer),
}

type Waiting = HashMap<u64, mpsc::UnboundedSender<Result<Answer, AppError>>>;

struct Shared {
    /// Who waits for an answer; `None` when none comes any more.
    waiting: Mutex<Option<Waiting>>,
    /// Why none comes any more.
    end: Mutex<Option<AppError>>,
}

impl Shared {
    fn waiting(&self) -> MutexGuard<'_, Option<Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end(&self) -> MutexGuard<'_, Option<AppError>> {
        self.end.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn why_ended(&self) -> AppError {
        let known = self.end().clone();
        known.unwrap_or_else(|| app_error(ErrorCode::Closed, "the host is gone", true))
    }
}

/// A client of a host, in this process or over its socket. Clones share the channel.
#[derive(Clone)]
pub struct Client {
    out: mpsc::Sender<Message>,
    shared: Arc<Shared>,
    next_call: Arc<AtomicU64>,
    ready: HostReady,
    session: [u8; 16],
}

impl Client {
    /// A client of a host of this process.
    pub async fn attach(connection: Connection) -> Result<Self, AppError> {
        let (out, mut outgoing) = mpsc::channel::<Message>(64);
        let (feed, incoming) = mpsc::channel(64);
        let Connection {
            outgoing: to_host,
            incoming: mut from_host,
        } = connection;
        tokio::spawn(async move {
            while let Some(message) = outgoing.recv().await {
                if !to_host.send(message).await {
                    break;
                }
            }
        });
        tokio::spawn(async move {
            while let Some(message) = from_host.recv().await {
                if feed.send(message).await.is_err() {
                    break;
                }
            }
        });
        Self::greeted(out, incoming).await
    }

    /// A client over two channels of messages: waits for the host's greeting.
    pub(crate) async fn greeted(
        out: mpsc::Sender<Message>,
        mut incoming: mpsc::Receiver<Message>,
    ) -> Result<Self, AppError> {
        let shared = Arc::new(Shared {
            waiting: Mutex::new(Some(Waiting::new())),
            end: Mutex::new(None),
        });
        let (tell, told) = oneshot::channel();
        tokio::spawn({
            let shared = shared.clone();
            let mut tell = Some(tell);
            async move {
                while let Some(message) = incoming.recv().await {
                    take(&shared, &message, &mut tell);
                }
                // Whoever waits is told by the end of its channel.
                *shared.waiting() = None;
            }
        });
        let ready = told.await.map_err(|_| shared.why_ended())?;
        let mut session = [0; 16];
        getrandom::fill(&mut session).map_err(|error| app_error(ErrorCode::Internal, error.to_string(), false))?;
        Ok(Self {
            out,
            shared,
            next_call: Arc::new(AtomicU64::new(1)),
            ready,
            session,
        })
    }

    /// What the host said when it was up.
    pub fn ready(&self) -> &HostReady {
        &self.ready
    }

    /// Sends a request. Dropping the answers cancels it.
    pub async fn request(&self, request: request::Request) -> Result<Answers, AppError> {
        let request = Request { request: Some(request) };
        self.send(Ask::Request(request.encode_to_vec())).await
    }

    /// Sends a request that has one answer.
    pub async fn ask(&self, request: request::Request) -> Result<response::Response, AppError> {
        self.request(request).await?.next().await
    }

    /// What the host says of itself.
    pub async fn host_status(&self) -> Result<HostStatus, AppError> {
        let request = HostRequest {
            request: Some(host_request::Request::Status(HostStatusGet {})),
        };
        let mut answers = self.send(Ask::Host(request)).await?;
        match answers.next_any().await? {
            Answer::Host(HostAnswer::Status(status)) => Ok(status),
            Answer::Host(HostAnswer::Error(error)) => Err(error),
            _ => Err(unexpected()),
        }
    }

    async fn send(&self, ask: Ask) -> Result<Answers, AppError> {
        let call = self.next_call.fetch_add(1, Ordering::Relaxed);
        let (tell, answers) = mpsc::unbounded_channel();
        // Asked under the same lock that ends the waiting: nobody waits for what cannot come.
        match &mut *self.shared.waiting() {
            Some(waiting) => waiting.insert(call, tell),
            None => return Err(self.shared.why_ended()),
        };
        let answers = Answers {
            client: self.clone(),
            call,
            answers,
            over: false,
        };
        let message = message_of(call, ask);
        if self.out.send(message).await.is_err() {
            return Err(self.shared.why_ended());
        }
        Ok(answers)
    }
}

fn message_of(call: u64, ask: Ask) -> Message {
    let frame = ClientFrame { call, frame: Some(ask) };
    Message::of(ClientBatch { frames: vec![frame] }.encode_to_vec())
}

/// An answer that makes no sense here: the host is of another build.
fn unexpected() -> AppError {
    app_error(ErrorCode::Internal, "the host answered something else", false)
}

fn take(shared: &Shared, message: &Message, tell_ready: &mut Option<oneshot::Sender<HostReady>>) {
    let Ok(batch) = HostBatch::decode(message.batch.as_slice()) else {
        return;
    };
    for frame in batch.frames {
        let (answer, last) = match frame.frame {
            Some(Frame::Response(bytes)) => match Response::decode(bytes.as_slice()).map(|answer| answer.response) {
                Ok(Some(response::Response::Error(error))) => (Err(error), true),
                Ok(Some(answer)) => (Ok(Answer::App(answer, frame.more)), !frame.more),
                Ok(None) | Err(_) => (Err(unexpected()), true),
            },
            Some(Frame::Host(answer)) => match answer.response {
                Some(answer) => (Ok(Answer::Host(answer)), true),
                None => (Err(unexpected()), true),
            },
            Some(Frame::Ready(ready)) => {
                if let Some(tell) = tell_ready.take() {
                    // Whoever waited may have given up.
                    let _ = tell.send(ready);
                }
                continue;
            }
            Some(Frame::Failed(failed)) => {
                *shared.end() = failed.error;
                *tell_ready = None;
                *shared.waiting() = None;
                continue;
            }
            // Events are for those who show something; a restart has already answered every call.
            Some(Frame::Event(_) | Frame::Restarted(_)) | None => continue,
        };
        let mut waiting = shared.waiting();
        let Some(waiting) = &mut *waiting else { return };
        let gone = waiting
            .get(&frame.call)
            .is_some_and(|waiting| waiting.send(answer).is_err());
        if last || gone {
            waiting.remove(&frame.call);
        }
    }
}

/// The answers to one request, in order.
pub struct Answers {
    client: Client,
    call: u64,
    answers: mpsc::UnboundedReceiver<Result<Answer, AppError>>,
    over: bool,
}

impl Answers {
    /// Whose they are.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// The next answer. An error is the last one; so is the answer of a request that has but one.
    pub async fn next(&mut self) -> Result<response::Response, AppError> {
        match self.next_any().await? {
            Answer::App(answer, _) => Ok(answer),
            Answer::Host(_) => Err(unexpected()),
        }
    }

    async fn next_any(&mut self) -> Result<Answer, AppError> {
        let answer = self.answers.recv().await;
        self.over = !matches!(answer, Some(Ok(Answer::App(_, true))));
        answer.unwrap_or_else(|| Err(self.client.shared.why_ended()))
    }
}

impl Drop for Answers {
    fn drop(&mut self) {
        if let Some(waiting) = &mut *self.client.shared.waiting() {
            waiting.remove(&self.call);
        }
        if !self.over {
            // A channel that is full belongs to a host that does not read: it has nobody to tell.
            let _ = self.client.out.try_send(message_of(self.call, Ask::Cancel(true)));
        }
    }
}
