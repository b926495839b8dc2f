//! An RTCPeerConnection of this thread.
use std::{cell::RefCell, rc::Rc};

use futures::channel::oneshot;
use js_sys::{Array, Function, JSON, JsString, Promise, Reflect};
use wasm_bindgen::{JsCast as _, JsValue, closure::Closure};
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    Event, RtcConfiguration, RtcDataChannel, RtcDataChannelEvent, RtcDataChannelInit, RtcDataChannelState,
    RtcIceCandidateInit, RtcIceServer, RtcPeerConnection, RtcPeerConnectionIceEvent, RtcSdpType,
    RtcSessionDescriptionInit,
};

use super::{ConnectionState, Events, First, INIT, Kind};
use crate::{Config, channel::Link, error::Error};

pub(super) struct PeerConnection {
    connection: RtcPeerConnection,
    init: Option<RtcDataChannel>,
    _on_channel: Closure<dyn FnMut(RtcDataChannelEvent)>,
    _on_candidate: Closure<dyn FnMut(RtcPeerConnectionIceEvent)>,
    _on_state: Closure<dyn FnMut()>,
    on_sctp: Closure<dyn FnMut(Event)>,
}

impl PeerConnection {
    pub(super) fn new(first: First, config: &Config, events: &Rc<RefCell<Events>>) -> Result<Self, Error> {
        let connection = RtcPeerConnection::new_with_configuration(&configuration(config))
            .map_err(|thrown| Error::browser("create a connection", &thrown))?;

        let on_channel = on_channel(events);
        let on_candidate = on_candidate(events);
        let on_state = on_state(&connection, events);
        let on_sctp = on_sctp(events);
        connection.set_ondatachannel(Some(on_channel.as_ref().unchecked_ref()));
        connection.set_onicecandidate(Some(on_candidate.as_ref().unchecked_ref()));
        connection.set_onconnectionstatechange(Some(on_state.as_ref().unchecked_ref()));

        let mut init = None;
        match first {
            First::Noise => {
                let options = RtcDataChannelInit::new();
                options.set_negotiated(true);
                options.set_id(0);
                let channel = create_channel(&connection, "", &options)?;
                let stream = events.borrow_mut().stream(Link::Own(channel));
                events.borrow_mut().first = Some(stream);
            }
            First::Init => init = Some(create_channel(&connection, INIT, &RtcDataChannelInit::new())?),
            First::Nothing => {}
        }
        Ok(Self {
            connection,
            init,
            _on_channel: on_channel,
            _on_candidate: on_candidate,
            _on_state: on_state,
            on_sctp,
        })
    }

    pub(super) async fn describe(&self, kind: Kind) -> Result<String, Error> {
        let (call, promise) = match kind {
            Kind::Offer => ("create an offer", self.connection.create_offer()),
            Kind::Answer => ("create an answer", self.connection.create_answer()),
        };
        let description = settle(call, promise).await?;
        sdp_of(&description).ok_or(Error::BadDescription("text"))
    }

    pub(super) async fn set_local(&self, kind: Kind, sdp: &str) -> Result<String, Error> {
        settle(
            "set the local description",
            self.connection.set_local_description(&description(kind, sdp)),
        )
        .await?;
        self.set_sctp_handler(self.on_sctp.as_ref());
        self.connection
            .local_description()
            .map(|description| description.sdp())
            .ok_or(Error::BadDescription("text"))
    }

    pub(super) async fn set_remote(&self, kind: Kind, sdp: &str) -> Result<(), Error> {
        settle(
            "set the remote description",
            self.connection.set_remote_description(&description(kind, sdp)),
        )
        .await?;
        self.set_sctp_handler(self.on_sctp.as_ref());
        Ok(())
    }

    /// Sets the handler of what carries the data channels, once it is there.
    fn set_sctp_handler(&self, handler: &JsValue) {
        if let Some(sctp) = Reflect::get(&self.connection, &"sctp".into())
            .ok()
            .filter(JsValue::is_object)
        {
            // Only a frozen or exotic object refuses.
            let _ = Reflect::set(&sctp, &"onstatechange".into(), handler);
        }
    }

    pub(super) async fn add_candidate(&self, candidate: &str) -> Result<(), Error> {
        let call = "add a candidate";
        let candidate = JSON::parse(candidate).map_err(|thrown| Error::browser(call, &thrown))?;
        let promise = self
            .connection
            .add_ice_candidate_with_opt_rtc_ice_candidate_init(Some(candidate.unchecked_ref::<RtcIceCandidateInit>()));
        settle(call, promise).await?;
        Ok(())
    }

    pub(super) fn open(&self) -> Result<Link, Error> {
        create_channel(&self.connection, "", &RtcDataChannelInit::new()).map(Link::Own)
    }

    /// Done when it is closed on both sides: earlier its number would be used again, and a remote that still closes it would close the new channel.
    pub(super) async fn close_init(&self) -> Result<(), Error> {
        let Some(channel) = &self.init else { return Ok(()) };
        let (sender, closed) = oneshot::channel();
        // Who waits may have lost patience.
        let on_close = Closure::once_into_js(move || {
            let _ = sender.send(());
        });
        channel.set_onclose(Some(on_close.unchecked_ref()));
        match channel.ready_state() {
            RtcDataChannelState::Closed => return Ok(()),
            RtcDataChannelState::Connecting => {
                let opened = channel.clone();
                channel.set_onopen(Some(Closure::once_into_js(move || opened.close()).unchecked_ref()));
            }
            _ => channel.close(),
        }
        closed.await.map_err(|_| Error::Ended("closed"))
    }

    pub(super) fn close(&self) {
        self.connection.set_ondatachannel(None);
        self.connection.set_onicecandidate(None);
        self.connection.set_onconnectionstatechange(None);
        self.set_sctp_handler(&JsValue::NULL);
        self.connection.close();
    }
}

/// What web-sys has for this lets an exception of the browser through, which ends the program.
fn create_channel(
    connection: &RtcPeerConnection,
    label: &str,
    options: &RtcDataChannelInit,
) -> Result<RtcDataChannel, Error> {
    let create = || {
        let function: Function = Reflect::get(connection, &"createDataChannel".into())?.dyn_into()?;
        function.call2(connection, &label.into(), options)?.dyn_into()
    };
    create().map_err(|thrown| Error::browser("create a channel", &thrown))
}

fn configuration(config: &Config) -> RtcConfiguration {
    let servers: Array = config
        .ice_servers
        .iter()
        .map(|server| {
            let init = RtcIceServer::new();
            init.set_urls(
                &server
                    .urls
                    .iter()
                    .map(|url| JsString::from(url.as_str()))
                    .collect::<Array>(),
            );
            if let Some(username) = &server.username {
                init.set_username(username);
            }
            if let Some(credential) = &server.credential {
                init.set_credential(credential);
            }
            init
        })
        .collect();
    let configuration = RtcConfiguration::new();
    configuration.set_ice_servers(&servers);
    configuration
}

fn on_channel(events: &Rc<RefCell<Events>>) -> Closure<dyn FnMut(RtcDataChannelEvent)> {
    let events = events.clone();
    // The remote closes its `init` channel itself. Until then the browser must not throw it away, which would close it.
    let mut inits = Vec::new();
    Closure::new(move |event: RtcDataChannelEvent| {
        let channel = event.channel();
        if channel.label() == INIT && inits.is_empty() {
            inits.push(channel);
        } else {
            events.borrow_mut().incoming(Link::Own(channel));
        }
    })
}

fn on_candidate(events: &Rc<RefCell<Events>>) -> Closure<dyn FnMut(RtcPeerConnectionIceEvent)> {
    let events = events.clone();
    Closure::new(move |event: RtcPeerConnectionIceEvent| {
        let Some(candidate) = event.candidate().filter(|candidate| !candidate.candidate().is_empty()) else {
            return;
        };
        if let Some(json) = JSON::stringify(&candidate.to_json())
            .ok()
            .and_then(|text| text.as_string())
        {
            events.borrow_mut().candidate(json);
        }
    })
}

fn on_state(connection: &RtcPeerConnection, events: &Rc<RefCell<Events>>) -> Closure<dyn FnMut()> {
    let (connection, events) = (connection.clone(), events.clone());
    Closure::new(move || {
        let word = Reflect::get(&connection, &"connectionState".into())
            .ok()
            .and_then(|word| word.as_string())
            .unwrap_or_default();
        events.borrow_mut().changed(ConnectionState::parse(&word));
    })
}

/// A remote that closes its connection ends SCTP at once; the connection's own state follows seconds later in Chromium, and in Firefox not at all.
fn on_sctp(events: &Rc<RefCell<Events>>) -> Closure<dyn FnMut(Event)> {
    let events = events.clone();
    Closure::new(move |event: Event| {
        let state = event
            .target()
            .and_then(|sctp| Reflect::get(&sctp, &"state".into()).ok());
        if state.is_some_and(|state| state == "closed") {
            events.borrow_mut().changed(ConnectionState::Closed);
        }
    })
}

fn description(kind: Kind, sdp: &str) -> RtcSessionDescriptionInit {
    let description = RtcSessionDescriptionInit::new(match kind {
        Kind::Offer => RtcSdpType::Offer,
        Kind::Answer => RtcSdpType::Answer,
    });
    description.set_sdp(sdp);
    description
}

fn sdp_of(description: &JsValue) -> Option<String> {
    Reflect::get(description, &"sdp".into()).ok()?.as_string()
}

async fn settle(call: &'static str, promise: Promise) -> Result<JsValue, Error> {
    JsFuture::from(promise)
        .await
        .map_err(|thrown| Error::browser(call, &thrown))
}
