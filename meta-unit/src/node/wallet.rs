//! Requests about credentials.

use std::rc::Rc;

use avatar_proto::request::Request as Ask;
use avatar_proto::response::Response as Answer;
use avatar_proto::{CredentialList, DidResolved, Done, ErrorCode, Response};

use super::{Responder, app_error};
use crate::credentials::{CredentialError, Credentials};

/// Answers a request about credentials.
pub async fn answer(credentials: &Rc<Credentials>, request: Ask, responder: Responder) {
    match answered(credentials, request).await {
        Some(Ok(answer)) => responder.finish(Response { response: Some(answer) }),
        Some(Err(error)) => responder.fail(error.to_app_error()),
        None => responder.fail(app_error(ErrorCode::Unsupported, "this build cannot do that")),
    }
}

/// Whether a request is about credentials.
pub fn takes(request: &Ask) -> bool {
    matches!(
        request,
        Ask::CredentialIssue(_)
            | Ask::CredentialVerify(_)
            | Ask::CredentialPresent(_)
            | Ask::CredentialRequest(_)
            | Ask::CredentialKeep(_)
            | Ask::CredentialListGet(_)
            | Ask::CredentialForget(_)
            | Ask::CredentialRevoke(_)
            | Ask::StatusListGet(_)
            | Ask::DidResolve(_)
    )
}

async fn answered(credentials: &Credentials, request: Ask) -> Option<Result<Answer, CredentialError>> {
    Some(match request {
        Ask::CredentialIssue(issue) => credentials.issue(issue).await.map(Answer::CredentialDocument),
        Ask::CredentialVerify(verify) => credentials.verify(verify).await.map(Answer::VerificationReport),
        Ask::CredentialPresent(present) => credentials.present(present).await.map(Answer::CredentialDocument),
        Ask::CredentialRequest(request) => Ok(Answer::CredentialRequested(credentials.request(&request))),
        Ask::CredentialKeep(keep) => credentials.keep(keep.document).await.map(Answer::CredentialKept),
        Ask::CredentialListGet(_) => credentials
            .list()
            .await
            .map(|credentials| Answer::CredentialList(CredentialList { credentials })),
        Ask::CredentialForget(forget) => credentials.forget(&forget.id).await.map(|()| Answer::Done(Done {})),
        Ask::CredentialRevoke(revoke) => credentials.revoke(&revoke.id).await.map(Answer::CredentialDocument),
        Ask::StatusListGet(list) => credentials.status_list(&list.url).await.map(Answer::CredentialDocument),
        Ask::DidResolve(resolve) => credentials
            .resolve(&resolve.did)
            .await
            .map(|document| Answer::DidResolved(DidResolved { document })),
        _ => return None,
    })
}
