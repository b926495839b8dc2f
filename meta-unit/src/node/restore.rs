//! Requests about backups; and putting one in the place of what is here.

use std::rc::Rc;

use avatar_proto::request::Request as Ask;
use avatar_proto::response::Response as Answer;
use avatar_proto::{AppError, BackupFinish, BackupOpened, BackupReport, Done, Durability, ErrorCode, Response};

use super::services::Services;
use super::{Node, Responder, app_error, owner};
use crate::backup::{self, BackupError, Contents};
use crate::data::keys;
use crate::documents::check_records;
use crate::platform::{Batch, PlatformError};
use crate::vault::Sealed;

/// Records of one batch, in bytes.
const BATCH_BYTES: usize = 4 * 1024 * 1024;

/// Whether a request is about backups.
pub fn takes(request: &Ask) -> bool {
    matches!(
        request,
        Ask::BackupCreate(_) | Ask::BackupOpen(_) | Ask::BackupFeed(_) | Ask::BackupFinish(_)
    )
}

/// Answers a request about backups.
pub async fn answer(node: &Rc<Node>, services: &Rc<Services>, request: Ask, responder: Responder) {
    let readings = services.backups();
    let answered = match request {
        Ask::BackupCreate(create) => {
            services.finish().await;
            let identity = Rc::clone(services.identity());
            let created = backup::create(&**services.sealed(), &identity, &create.passphrase, &responder).await;
            created.map_err(|error| error.to_app_error())
        }
        Ask::BackupOpen(open) => told(readings.borrow_mut().open(&open), |backup| {
            Answer::BackupOpened(BackupOpened { backup })
        }),
        Ask::BackupFeed(feed) => told(readings.borrow_mut().feed(feed.backup, &feed.data), |()| {
            Answer::Done(Done {})
        }),
        Ask::BackupFinish(finish) => self::finish(node, services, &finish, responder.id())
            .await
            .map(response),
        _ => Err(app_error(ErrorCode::Unsupported, "this build cannot do that")),
    };
    match answered {
        Ok(response) => responder.finish(response),
        Err(error) => responder.fail(error),
    }
}

fn told<T>(result: Result<T, BackupError>, answer: impl FnOnce(T) -> Answer) -> Result<Response, AppError> {
    result
        .map(|value| response(answer(value)))
        .map_err(|error| error.to_app_error())
}

fn response(answer: Answer) -> Response {
    Response { response: Some(answer) }
}

async fn finish(node: &Rc<Node>, services: &Rc<Services>, finish: &BackupFinish, own: u64) -> Result<Answer, AppError> {
    let read = services.backups().borrow_mut().finish(finish.backup);
    let (contents, by_words) = read.map_err(|error| error.to_app_error())?;
    let mut documents = 0;
    for (id, records) in contents.documents() {
        check_records(id, records).map_err(|error| BackupError::Damaged(error).to_app_error())?;
        documents += 1;
    }
    let report = BackupReport {
        did: contents.header.did.clone(),
        created_ms: contents.header.created_ms,
        documents,
        credentials: contents.credentials() as u32,
        bytes: contents.bytes,
        restored: !finish.check_only,
    };
    if !finish.check_only {
        restore(node, services, contents, by_words, own).await?;
    }
    Ok(Answer::BackupReport(report))
}

/// Puts a backup in the place of what is here: nothing, but an identity that nobody knows yet. The identity goes last; of a restore that dies before, nothing is left
/// ([`clean_up`]).
async fn restore(
    node: &Rc<Node>,
    services: &Rc<Services>,
    contents: Contents,
    by_words: bool,
    own: u64,
) -> Result<(), AppError> {
    let exists = |message| Err(app_error(ErrorCode::AlreadyExists, message));
    // From here on: nothing must be made here between the look and the restore.
    let _switching = node.switching();
    if services.has_documents() {
        return exists("there are documents here already");
    }
    if services.identity().words_confirmed() && services.identity().did() != contents.header.did {
        return exists("there is an identity here whose words are written down");
    }
    let kept = services
        .credentials()
        .list()
        .await
        .map_err(|error| error.to_app_error())?;
    if !kept.is_empty() {
        return exists("there are credentials here already");
    }
    for records in in_batches(&contents) {
        records
            .run(&**services.sealed())
            .await
            .map_err(|error| error.to_app_error())?;
    }
    let restored = services.identity().restore(services.vault(), &contents, by_words).await;
    restored.map_err(|error| error.to_app_error())?;
    drop(contents);
    let services = node
        .come_up(Rc::clone(services.sealed()), Rc::clone(services.vault()))
        .await?;
    node.end_others(Some(own));
    owner::tell(&**services.sealed(), owner::state(&services));
    Ok(())
}

/// Removes what a restore that died has left ([`Identity::is_restoring`](crate::identity::Identity::is_restoring)). To be called before anything of it is read.
///
/// # Errors
/// Storage failed.
pub async fn clean_up(sealed: &Sealed) -> Result<(), PlatformError> {
    let mut batch = Batch::new(Durability::Strict);
    for range in keys::portable().into_iter().chain([keys::index_segments()]) {
        if !keys::is_secret(&range.start) {
            batch.delete_range(range.start, range.end);
        }
    }
    batch.delete(keys::secret(keys::RESTORING));
    batch.run(sealed).await?;
    Ok(())
}

fn in_batches(contents: &Contents) -> Vec<Batch> {
    let mut batches = Vec::new();
    let mut batch = Batch::new(Durability::Strict);
    batch.put(keys::secret(keys::RESTORING), &crate::data::records::seal(&[]));
    for record in contents.records.iter().filter(|record| !keys::is_secret(&record.key)) {
        if batch.body_len() > 0 && batch.body_len() + record.value.len() > BATCH_BYTES {
            batches.push(std::mem::replace(&mut batch, Batch::new(Durability::Relaxed)));
        }
        batch.put(record.key.clone(), &record.value);
    }
    batches.push(batch);
    batches
}
