//! What is walked here is what the platform's unwinder walks.

use std::cell::RefCell;
use std::hint::black_box;
use std::panic;
use std::sync::mpsc;

use super::own_stack;
use crate::stacktrace::walk_by_platform;

/// What both walks find outside of this function. Inside of it are only the unwinder's own frames.
#[inline(never)]
fn both() -> (Vec<u64>, Vec<u64>) {
    let (mut fast, mut platform) = (Vec::new(), Vec::new());
    let mut inside = true;
    let complete = own_stack(|ip| {
        fast.push(ip);
        true
    });
    assert!(complete, "the walk gave up at {:x?}", fast.last());
    walk_by_platform(|frame| {
        if !inside {
            platform.push(frame.ip().addr() as u64);
        }
        inside &= frame.symbol_address().addr() != both as *const () as usize;
        true
    });
    // The unwinder tells the end of the stack by an address that is none.
    if platform.last() == Some(&0) {
        platform.pop();
    }
    (fast.split_off(1), platform)
}

/// Their number, where both find the same.
#[inline(never)]
pub(in crate::stacktrace) fn same() -> usize {
    let (mut fast, platform) = both();
    // musl starts threads in code without tables, which its unwinder does not tell of.
    if cfg!(target_env = "musl") {
        fast.truncate(platform.len());
    }
    assert_eq!(fast, platform, "{fast:x?} {platform:x?}");
    assert!(fast.len() > 3);
    black_box(fast.len())
}

#[test]
fn in_a_test_s_thread() {
    same();
}

#[test]
fn in_deep_recursion() {
    #[inline(never)]
    fn dive(depth: usize) -> usize {
        // Frames of different sizes, and values that live across the call.
        let room = [3_u8; 40];
        let deeper = if depth == 0 {
            same()
        } else if depth.is_multiple_of(2) {
            dive(depth - 1)
        } else {
            wide(depth - 1)
        };
        deeper + usize::from(black_box(&room)[3]) - usize::from(room[5])
    }
    #[inline(never)]
    fn wide(depth: usize) -> usize {
        let room = [depth as u64; 700];
        let deeper = dive(depth);
        black_box(&room);
        deeper
    }
    assert!(dive(500) > 500);
}

#[test]
fn through_closures_generics_and_trait_objects() {
    #[inline(never)]
    fn generic<T: Clone, R>(value: T, work: impl FnOnce(T) -> R) -> R {
        let copy = value.clone();
        let result = work(value);
        black_box(&copy);
        result
    }
    let boxed: Box<dyn Fn(u8) -> usize> = Box::new(|_| same());
    generic(3_u8, |a| {
        generic(2.5_f64, |b| {
            black_box(b);
            generic(vec![a], |c| (0..3).map(|_| boxed(c[0])).sum::<usize>())
        })
    });
}

#[test]
fn with_many_registers_in_use() {
    #[inline(never)]
    fn busy(numbers: [u64; 12]) -> u64 {
        let [n0, n1, n2, n3, n4, n5, rest @ ..] =
            numbers.map(|number| black_box(number).wrapping_mul(3));
        let seen = same() as u64;
        let some = (n0 ^ n1 ^ n2).wrapping_add(n3 ^ n4 ^ n5);
        rest.iter().fold(some ^ seen, |sum, number| sum ^ number)
    }
    black_box(busy([7; 12]));
}

/// The compiler lets such a frame begin at a multiple of its alignment, by the frame pointer.
#[test]
fn from_a_frame_of_great_alignment() {
    #[repr(align(256))]
    struct Aligned([u8; 256]);
    #[inline(never)]
    fn aligned() -> usize {
        let value = Aligned([1; 256]);
        let seen = same();
        seen + usize::from(black_box(&value).0[0])
    }
    assert!(aligned() > 1);
}

#[test]
fn through_a_callback_of_c() {
    #[expect(
        unsafe_code,
        reason = "C's sort is the shortest way into a callback of C"
    )]
    unsafe extern "C" fn compare(_: *const libc::c_void, _: *const libc::c_void) -> libc::c_int {
        same();
        0
    }
    let mut values = [3, 1, 2];
    #[expect(unsafe_code, reason = "as above")]
    // SAFETY: the array has three elements of the size that is given, and the comparison reads neither.
    unsafe {
        libc::qsort(
            values.as_mut_ptr().cast(),
            3,
            size_of::<i32>(),
            Some(compare),
        );
    }
    black_box(values);
}

#[test]
fn in_threads_that_begin_and_end() {
    struct AtTheEnd(mpsc::Sender<usize>);
    impl Drop for AtTheEnd {
        fn drop(&mut self) {
            self.0.send(same()).unwrap();
        }
    }
    thread_local! {
        static LAST: RefCell<Option<AtTheEnd>> = const { RefCell::new(None) };
    }
    let (sender, seen) = mpsc::channel();
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let at_the_end = AtTheEnd(sender.clone());
            std::thread::spawn(move || {
                LAST.set(Some(at_the_end));
                same()
            })
        })
        .collect();
    for thread in threads {
        assert!(thread.join().unwrap() > 3);
    }
    drop(sender);
    assert_eq!(seen.iter().count(), 4);
}

#[test]
fn while_unwinding() {
    struct Dropped;
    impl Drop for Dropped {
        fn drop(&mut self) {
            same();
        }
    }
    let unwound = panic::catch_unwind(|| {
        let _dropped = Dropped;
        // Without the hook, which is another test's.
        panic::resume_unwind(Box::new(1));
    });
    assert!(unwound.is_err());
}

#[tokio::test]
async fn in_a_task_of_a_runtime() {
    async fn inner() -> usize {
        tokio::task::yield_now().await;
        same()
    }
    assert!(tokio::spawn(async { inner().await }).await.unwrap() > 3);
}

#[test]
fn on_a_stack_that_is_not_the_thread_s_own_it_gives_up() {
    let elsewhere = super::Registers {
        ip: both as *const () as u64,
        sp: Box::leak(Box::new([0_u64; 8])).as_ptr().addr() as u64,
        fp: 0,
    };
    assert!(!super::walk(elsewhere, |_| true));
}

#[test]
fn code_without_tables_it_leaves_to_the_platform() {
    let mut at = super::thread::registers();
    at.ip = 4_096;
    assert!(!super::walk(at, |_| true));
}
