//! What every JavaScript engine has, window or worker or Node: clocks, timers, randomness, and tasks of the event loop.
//!
//! Everything is reached through the global object: this crate knows no `window`.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use futures_channel::oneshot;
use js_sys::{Function, Object, Reflect, Uint8Array};
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = performance, js_name = now)]
    fn performance_now() -> f64;

    #[wasm_bindgen(js_namespace = crypto, js_name = getRandomValues, catch)]
    fn get_random_values(into: &Uint8Array) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(js_name = setTimeout)]
    fn set_timeout(callback: &Function, delay_ms: f64) -> JsValue;

    #[wasm_bindgen(js_name = clearTimeout)]
    fn clear_timeout(handle: &JsValue);

    #[wasm_bindgen(js_name = queueMicrotask)]
    fn queue_microtask(callback: &Function);

    type MessageChannel;
    #[wasm_bindgen(constructor)]
    fn new() -> MessageChannel;
    #[wasm_bindgen(method, getter)]
    fn port1(this: &MessageChannel) -> LoopPort;
    #[wasm_bindgen(method, getter)]
    fn port2(this: &MessageChannel) -> LoopPort;

    type LoopPort;
    #[wasm_bindgen(method, setter)]
    fn set_onmessage(this: &LoopPort, callback: Option<&Function>);
    #[wasm_bindgen(method, js_name = postMessage)]
    fn post_message(this: &LoopPort, message: &JsValue);
    #[wasm_bindgen(method)]
    fn close(this: &LoopPort);
}

/// A property of the global object; `undefined` where there is none, or where reading it throws (storage that the browser blocks does).
pub fn global_property(name: &str) -> Result<JsValue, JsValue> {
    Reflect::get(&js_sys::global(), &name.into())
}

/// Microseconds since some moment of this thread's life; never goes back.
pub fn monotonic_us() -> i64 {
    (performance_now() * 1_000.0) as i64
}

/// Milliseconds since some moment of this thread's life; never goes back.
pub fn monotonic_ms() -> f64 {
    performance_now()
}

/// Microseconds since 1970 by the wall clock, which may jump.
pub fn unix_us() -> i64 {
    (js_sys::Date::now() * 1_000.0) as i64
}

/// The engine gives at most so many random bytes at once (Web Cryptography, §10.1.1).
const RANDOM_PIECE: u32 = 65_536;

/// Fills the array, of any length, with cryptographically secure bytes.
pub fn fill_random(array: &Uint8Array) -> Result<(), JsValue> {
    let length = array.length();
    let mut at = 0;
    while at < length {
        let end = length.min(at.saturating_add(RANDOM_PIECE));
        get_random_values(&array.subarray(at, end))?;
        at = end;
    }
    Ok(())
}

thread_local! {
    static TASK: Cell<u64> = const { Cell::new(0) };
}

/// Tells tasks of the event loop apart. Each callback that the engine calls from its event loop (not from a promise) begins one.
///
/// Without it a chain of promises that resolve at once could run turn after turn and starve timers and messages.
pub mod task {
    use super::TASK;

    /// The engine has just called us from its event loop.
    pub fn begin() {
        TASK.with(|task| task.set(task.get() + 1));
    }

    /// The task that runs now.
    pub fn current() -> u64 {
        TASK.with(std::cell::Cell::get)
    }
}

/// The guest asks for the same moment after each turn; a timer that is set for about that moment stays as it is.
const TIMER_SLACK_MS: f64 = 2.0;

/// Calls one function from the event loop: at the end of the running task, as a new task, or after a time.
pub struct EventLoop {
    callback: Closure<dyn Fn()>,
    from_task: Closure<dyn Fn()>,
    from_timer: Closure<dyn Fn()>,
    next_task: NextTask,
    timer: Rc<RefCell<Option<Timer>>>,
}

struct Timer {
    handle: JsValue,
    due_ms: f64,
    hold: bool,
}

enum NextTask {
    /// Node's: unlike a MessageChannel it holds the process only while a call is due.
    Immediate(Function),
    /// Everywhere else: not throttled in background tabs, as `setTimeout(0)` is.
    Channel(MessageChannel),
}

impl EventLoop {
    /// Nothing is due yet.
    pub fn new(callback: Rc<dyn Fn()>) -> Self {
        let in_task = callback.clone();
        let from_task = Closure::new(move || {
            task::begin();
            in_task();
        });
        let timer = Rc::new(RefCell::new(None));
        let from_timer = Closure::new({
            let (timer, in_task) = (timer.clone(), callback.clone());
            move || {
                // Engines call up to a millisecond early: a timer that has called must not pass for one that is still to come.
                timer.take();
                task::begin();
                in_task();
            }
        });
        let next_task = match global_property("setImmediate")
            .ok()
            .and_then(|value| value.dyn_into().ok())
        {
            Some(function) => NextTask::Immediate(function),
            None => {
                let channel = MessageChannel::new();
                channel.port1().set_onmessage(Some(from_task.as_ref().unchecked_ref()));
                NextTask::Channel(channel)
            }
        };
        Self {
            callback: Closure::new(move || callback()),
            from_task,
            from_timer,
            next_task,
            timer,
        }
    }

    /// At the end of the running task.
    pub fn microtask(&self) {
        queue_microtask(self.callback.as_ref().unchecked_ref());
    }

    /// As a task of its own, after others that are due.
    pub fn next_task(&self) {
        match &self.next_task {
            // Only a value that is no function makes `call1` fail.
            NextTask::Immediate(set_immediate) => {
                let _ = set_immediate.call1(&JsValue::UNDEFINED, self.from_task.as_ref());
            }
            NextTask::Channel(channel) => channel.port2().post_message(&JsValue::NULL),
        }
    }

    /// After so many milliseconds, instead of any time set before; up to [`TIMER_SLACK_MS`] earlier or later. Where the engine can (Node), the timer does not keep the
    /// process alive unless `hold`.
    pub fn set_timer(&self, delay_ms: f64, hold: bool) {
        let due_ms = monotonic_ms() + delay_ms;
        if let Some(timer) = &*self.timer.borrow()
            && timer.hold == hold
            && (timer.due_ms - due_ms).abs() <= TIMER_SLACK_MS
            && timer.due_ms > monotonic_ms()
        {
            return;
        }
        self.clear_timer();
        let handle = set_timeout(self.from_timer.as_ref().unchecked_ref(), delay_ms);
        if !hold
            && handle.is_object()
            && let Some(unref) = Reflect::get(&handle, &"unref".into())
                .ok()
                .and_then(|unref| unref.dyn_into::<Function>().ok())
        {
            let _ = unref.call0(&handle);
        }
        self.timer.replace(Some(Timer { handle, due_ms, hold }));
    }

    /// No timer is due any more.
    pub fn clear_timer(&self) {
        if let Some(timer) = self.timer.take() {
            clear_timeout(&timer.handle);
        }
    }
}

impl Drop for EventLoop {
    fn drop(&mut self) {
        self.clear_timer();
        if let NextTask::Channel(channel) = &self.next_task {
            channel.port1().set_onmessage(None);
            channel.port1().close();
        }
    }
}

/// Resolves after so many milliseconds, in a task of its own. Dropped earlier, its timer is cleared (it would hold a Node process).
pub struct Sleep {
    handle: JsValue,
    end: oneshot::Receiver<()>,
    _callback: Closure<dyn FnMut()>,
}

/// A [`Sleep`] that begins now.
pub fn sleep_ms(delay_ms: f64) -> Sleep {
    let (tell, end) = oneshot::channel();
    let mut tell = Some(tell);
    let callback = Closure::<dyn FnMut()>::new(move || {
        task::begin();
        if let Some(tell) = tell.take() {
            let _ = tell.send(());
        }
    });
    Sleep {
        handle: set_timeout(callback.as_ref().unchecked_ref(), delay_ms),
        end,
        _callback: callback,
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.end).poll(context).map(|_| ())
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        clear_timeout(&self.handle);
    }
}

/// Sets a property of a plain object that this crate has made, which cannot fail.
pub fn set(object: &Object, name: &str, value: &JsValue) {
    let _ = Reflect::set(object, &name.into(), value);
}
