//! The locks, flags and wake-ups of the hand-over: the standard library's and tokio's, or, in a build with `--cfg shuttle`, those of
//! a model checker that decides which thread goes on.

use std::sync::{Arc, PoisonError};

#[cfg(not(shuttle))]
pub(crate) use std::sync::atomic::{AtomicBool, AtomicUsize};
#[cfg(not(shuttle))]
pub(crate) use std::sync::{Mutex, MutexGuard};
#[cfg(not(shuttle))]
pub(crate) use tokio::sync::Notify;

#[cfg(shuttle)]
pub(crate) use model::Notify;
#[cfg(shuttle)]
pub(crate) use shuttle::sync::atomic::{AtomicBool, AtomicUsize};
#[cfg(shuttle)]
pub(crate) use shuttle::sync::{Mutex, MutexGuard};

/// The standard library's mutex, which all that is no part of the model has in every build, or the model's.
pub(crate) trait Lock {
    type Guard<'a>
    where
        Self: 'a;

    /// Locks it, poisoned or not.
    fn lock_anyway(&self) -> Self::Guard<'_>;
}

impl<T> Lock for std::sync::Mutex<T> {
    type Guard<'a>
        = std::sync::MutexGuard<'a, T>
    where
        T: 'a;

    fn lock_anyway(&self) -> Self::Guard<'_> {
        self.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<M: Lock> Lock for Arc<M> {
    type Guard<'a>
        = M::Guard<'a>
    where
        M: 'a;

    fn lock_anyway(&self) -> Self::Guard<'_> {
        M::lock_anyway(self)
    }
}

#[cfg(shuttle)]
impl<T> Lock for Mutex<T> {
    type Guard<'a>
        = MutexGuard<'a, T>
    where
        T: 'a;

    fn lock_anyway(&self) -> Self::Guard<'_> {
        self.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(shuttle)]
mod model {
    use std::future::poll_fn;
    use std::task::{Poll, Waker};

    use super::Mutex;

    /// What the worker needs of tokio's: one permit, kept until somebody waits for it.
    #[derive(Debug)]
    pub(crate) struct Notify(Mutex<(bool, Option<Waker>)>);

    impl Notify {
        pub(crate) fn new() -> Self {
            Notify(Mutex::new((false, None)))
        }

        pub(crate) fn notify_one(&self) {
            let waker = {
                let mut state = super::super::buffer::lock(&self.0);
                state.0 = true;
                state.1.take()
            };
            if let Some(waker) = waker {
                waker.wake();
            }
        }

        pub(crate) async fn notified(&self) {
            poll_fn(|context| {
                let mut state = super::super::buffer::lock(&self.0);
                if std::mem::take(&mut state.0) {
                    return Poll::Ready(());
                }
                state.1 = Some(context.waker().clone());
                Poll::Pending
            })
            .await;
        }
    }
}
