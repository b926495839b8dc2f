//! Requests about credentials.

use avatar_proto::request::Request as Ask;
use avatar_proto::response::Response as Answer;
use avatar_proto::{AppError, CredentialList, DidResolved, Done, Response};

use crate::credentials::{CredentialError, Credentials};

/// Answers a request about credentials; gives back one that is about something else.
pub async fn answer(credentials: &Credentials, request: Ask) -> Result<Result<Response, AppError>, Ask> {
    let answered = answered(credentials, request).await?;
    Ok(match answered {
        Ok(answer) => Ok(Response { response: Some(answer) }),
        Err(error) => Err(error.to_app_error()),
    })
}

async fn answered(credentials: &Credentials, request: Ask) -> Result<Result<Answer, CredentialError>, Ask> {
    Ok(match request {
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
        request => return Err(request),
    })
}
