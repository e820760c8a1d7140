//! A global allocator that counts what threads of the path allocate after start (promise 5).
//!
//! A binary installs it with `#[global_allocator]`; threads of the path call [`arm`] when their warm-up
//! is over. Everything else allocates freely: other threads, and the path's own before it is armed.
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::backtrace::Backtrace;
use std::cell::Cell;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

thread_local! {
    /// Whether this thread's allocations count. Constant initialisation: reading it never allocates.
    static ARMED: Cell<bool> = const { Cell::new(false) };
}

static INSTALLED: AtomicBool = AtomicBool::new(false);
static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);
static FIRST_STACK: Mutex<Option<String>> = Mutex::new(None);

/// The system's allocator, counting. `#[global_allocator] static A: CountingAllocator = CountingAllocator;`
#[derive(Debug)]
pub struct CountingAllocator;

// SAFETY: every call is passed on to `System` with the caller's own arguments, so its guarantees are
// the system allocator's. The counting in front neither touches the memory nor unwinds.
unsafe impl GlobalAlloc for CountingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's contract is `System`'s.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's contract is `System`'s.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: the caller's contract is `System`'s.
        unsafe { System.realloc(pointer, layout, size) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's contract is `System`'s.
        unsafe { System.dealloc(pointer, layout) }
    }
}

fn count() {
    INSTALLED.store(true, Ordering::Relaxed);
    // `try_with`: a thread that is being torn down has no locals any more, and is not on the path.
    let armed = ARMED.try_with(|armed| armed.replace(false)).unwrap_or(false);
    if !armed {
        return;
    }
    // Disarmed above, so that taking the stack, which allocates, does not come back here.
    if ALLOCATIONS.fetch_add(1, Ordering::Relaxed) == 0 {
        let stack = Backtrace::force_capture().to_string();
        if let Ok(mut first) = FIRST_STACK.lock() {
            *first = Some(stack);
        }
    }
    ARMED.with(|armed| armed.set(true));
}

/// From now on every allocation of this thread counts, until the guard is dropped.
#[must_use]
pub fn arm() -> Armed {
    ARMED.with(|armed| armed.set(true));
    Armed(())
}

/// Counts this thread's allocations while it lives.
#[derive(Debug)]
pub struct Armed(());

impl Drop for Armed {
    fn drop(&mut self) {
        ARMED.with(|armed| armed.set(false));
    }
}

/// This thread's allocations do not count until the guard is dropped: what watches the path may allocate.
#[must_use]
pub fn pause() -> Paused {
    Paused(ARMED.with(|armed| armed.replace(false)))
}

/// Counts nothing of this thread while it lives.
#[derive(Debug)]
pub struct Paused(bool);

impl Drop for Paused {
    fn drop(&mut self) {
        ARMED.with(|armed| armed.set(self.0));
    }
}

/// What was counted since the process started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allocations {
    /// Whether the counting allocator is installed: without it the count says nothing.
    pub counted: bool,
    /// Allocations of armed threads.
    pub count: u64,
    /// The stack of the first one.
    pub first_stack: Option<String>,
}

/// Reads the counters.
#[must_use]
pub fn allocations() -> Allocations {
    Allocations {
        counted: INSTALLED.load(Ordering::Relaxed),
        count: ALLOCATIONS.load(Ordering::Relaxed),
        first_stack: FIRST_STACK.lock().ok().and_then(|stack| stack.clone()),
    }
}
