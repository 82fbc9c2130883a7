//! Values behind names, and the threads that use them.

use machuser::Name;
use machuser::objects::{Named, Objects};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;

struct Value {
    name: Name,
    alive: AtomicBool,
    ends: Arc<AtomicUsize>,
}

impl Named for Value {
    fn name(&self) -> Name {
        self.name
    }
}

impl Value {
    /// What is wrong with this if the value is used behind its end.
    fn check(&self, name: Name) {
        assert_eq!(self.name, name);
        assert!(
            self.alive.load(Ordering::SeqCst),
            "a value is used behind its end"
        );
    }
}

impl Drop for Value {
    fn drop(&mut self) {
        self.alive.store(false, Ordering::SeqCst);
        self.ends.fetch_add(1, Ordering::SeqCst);
    }
}

fn value(name: Name, ends: &Arc<AtomicUsize>) -> Arc<Value> {
    Arc::new(Value {
        name,
        alive: AtomicBool::new(true),
        ends: ends.clone(),
    })
}

/// Index 20 of each generation.
fn generation(number: Name) -> Name {
    20 | number << 20
}

#[test]
fn a_value_is_found_by_its_whole_name() {
    let ends = Arc::default();
    let objects = Arc::new(Objects::<Value>::new());
    let mut seat = objects.seat(true);
    let mut found = |name| {
        let busy = seat.begin(name);
        let found = busy.value().map(|value| value.name);
        assert_eq!(found, busy.held_value().map(|value| value.name));
        found
    };
    assert!(objects.insert(value(generation(1), &ends)).is_none());
    assert_eq!(found(generation(1)), Some(generation(1)));
    for stranger in [
        generation(0),
        generation(2),
        21,
        19,
        4,
        0,
        0xf_ffff,
        u32::MAX,
    ] {
        assert_eq!(found(stranger), None);
    }
    assert!(objects.insert(value(1000, &ends)).is_none());
    let before = objects.insert(value(generation(2), &ends)).unwrap();
    assert_eq!(before.name, generation(1));
    assert_eq!(
        (found(generation(1)), found(generation(2))),
        (None, Some(generation(2)))
    );
    assert!(objects.remove(generation(1), |_| true).is_none());
    assert!(objects.remove(generation(2), |_| false).is_none());
    assert!(objects.remove(generation(2), |_| true).is_some());
    assert_eq!((found(generation(2)), found(1000)), (None, Some(1000)));
    drop((before, seat));
    drop(objects);
    assert_eq!(ends.load(Ordering::SeqCst), 3);
}

#[test]
fn a_value_that_is_taken_out_lives_until_the_end_of_the_requests_for_it() {
    let ends = Arc::default();
    let objects = Arc::new(Objects::<Value>::new());
    let [mut first, mut second, mut third] = [(); 3].map(|()| objects.seat(true));
    objects.insert(value(generation(1), &ends));
    let (one, two) = (first.begin(generation(1)), second.begin(generation(1)));
    let used = one.value().unwrap();
    drop(objects.remove(generation(1), |_| true).unwrap());
    // Another takes its place, and the array is exchanged.
    objects.insert(value(generation(2), &ends));
    objects.insert(value(5000, &ends));
    used.check(generation(1));
    assert!(two.end());
    assert!(!third.begin(generation(1)).end());
    used.check(generation(1));
    assert_eq!(ends.load(Ordering::SeqCst), 0);
    let mut requests = Vec::new();
    objects.for_each_request(|cancel, value| {
        requests.push((cancel.port(), value.map(|value| value.name)));
    });
    assert_eq!(requests, [(generation(1), Some(generation(1)))]);
    assert!(one.end());
    assert_eq!(ends.load(Ordering::SeqCst), 1);
    assert!(!first.begin(generation(2)).end());
}

#[test]
fn what_is_left_to_a_request_that_pauses_goes_at_once() {
    let ends = Arc::default();
    let objects = Arc::new(Objects::<Value>::new());
    let mut seat = objects.seat(true);
    objects.insert(value(16, &ends));
    let mut busy = seat.begin(16);
    drop(objects.remove(16, |_| true));
    assert_eq!(ends.load(Ordering::SeqCst), 0);
    busy.pause();
    assert_eq!(ends.load(Ordering::SeqCst), 1);
    objects.for_each_request(|_, _| panic!("there is no request"));
    busy.resume();
    assert!(busy.value().is_none() && !busy.end());
}

#[test]
fn held_requests_find_nothing_until_all_holds_are_taken_back() {
    let ends = Arc::default();
    let objects = Arc::new(Objects::<Value>::new());
    let mut seat = objects.seat(true);
    objects.insert(value(16, &ends));
    objects.hold();
    objects.hold();
    objects.insert(value(1600, &ends));
    for name in [16, 1600] {
        let busy = seat.begin(name);
        assert!(busy.value().is_none());
        busy.held_value().unwrap().check(name);
    }
    objects.release();
    assert!(seat.begin(16).value().is_none());
    objects.release();
    assert!(seat.begin(16).value().is_some() && seat.begin(1600).value().is_some());
}

#[test]
fn a_thread_knows_whether_it_is_the_last_free_one() {
    let objects = Arc::new(Objects::<Value>::new());
    let [mut first, mut second] = [(); 2].map(|()| objects.seat(true));
    let _outside = objects.seat(false);
    let mut one = first.begin(16);
    assert!(!one.is_last());
    let mut two = second.begin(17);
    assert!(two.is_last() && one.is_last());
    two.pause();
    assert!(one.is_last());
    two.end();
    assert!(!one.is_last());
    // Who leaves is not counted on, and nobody leaves unless enough others are free.
    let second = second.leave_to(1).unwrap();
    assert!(!one.is_last());
    let third = objects.seat(true);
    assert!(second.leave_to(1).is_none());
    assert!(!one.is_last());
    drop(third);
    assert!(one.is_last());
}

#[test]
fn of_threads_that_become_busy_at_once_one_knows_that_it_is_the_last() {
    const THREADS: usize = 3;
    const ROUNDS: usize = if cfg!(miri) { 30 } else { 20_000 };
    let objects = Arc::new(Objects::<Value>::new());
    let barrier = Arc::new(Barrier::new(THREADS));
    let last = Arc::new(AtomicUsize::new(0));
    let threads: Vec<_> = (0..THREADS)
        .map(|_| {
            let mut seat = objects.seat(true);
            let (barrier, last) = (barrier.clone(), last.clone());
            thread::spawn(move || {
                for round in 0..ROUNDS {
                    barrier.wait();
                    let mut busy = seat.begin(16);
                    if busy.is_last() {
                        last.fetch_max(round + 1, Ordering::SeqCst);
                    }
                    barrier.wait();
                    assert_eq!(last.load(Ordering::SeqCst), round + 1);
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
}

#[test]
fn no_thread_uses_a_value_behind_its_end() {
    const ROUNDS: usize = if cfg!(miri) { 60 } else { 100_000 };
    let ends = Arc::new(AtomicUsize::new(0));
    let objects = Arc::new(Objects::<Value>::new());
    let over = Arc::new(AtomicBool::new(false));
    let users: Vec<_> = (0..3u32)
        .map(|user| {
            let mut seat = objects.seat(true);
            let over = over.clone();
            thread::spawn(move || {
                let (mut found, mut step) = (0, user);
                while !over.load(Ordering::SeqCst) || found == 0 {
                    step = step.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    // Few indices, some generations of each.
                    let name = (16 + (step >> 20) % 4) | ((step >> 24) % 4) << 20;
                    let busy = seat.begin(name);
                    if let Some(value) = busy.value() {
                        value.check(name);
                        if step & (1 << 30) != 0 {
                            thread::yield_now();
                        }
                        value.check(name);
                        found += 1;
                    }
                    if step & (1 << 29) != 0 {
                        busy.end();
                    }
                }
            })
        })
        .collect();
    let mut made = 0;
    for round in 0..ROUNDS as u32 {
        let name = (16 + round % 4) | (round / 4 % 4) << 20;
        drop(objects.insert(value(name, &ends)));
        made += 1;
        if round % 3 == 0 {
            drop(objects.remove(name, |_| true));
        }
        if round % 1000 == 10 {
            objects.hold();
            thread::yield_now();
            // The array grows now and then.
            drop(objects.insert(value(16 + (round * 7).min(0xf_0000), &ends)));
            made += 1;
            objects.release();
        }
    }
    // Something that all users find.
    for index in 0..4 {
        drop(objects.insert(value(16 + index, &ends)));
        made += 1;
    }
    over.store(true, Ordering::SeqCst);
    for user in users {
        user.join().unwrap();
    }
    drop(objects);
    assert_eq!(ends.load(Ordering::SeqCst), made);
}
