//! Those who wait for the journal to reach a seq, with one among them who looks.
//!
//! If each looked for itself, each would have a timer and be woken at every step of the journal from another thread. So
//! the first who comes leads: it looks, and says how far the journal is; all others sleep until they are there, or
//! until it is their turn to lead because the leader has gone, for whatever reason. A leader that is neither polled nor
//! dropped would hold up the others: whoever keeps something waits for it or lets it go.

use std::future::poll_fn;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// Where all stand.
#[derive(Debug, Default)]
pub(super) struct Line(Mutex<Standing>);

#[derive(Debug, Default)]
struct Standing {
    reached: u64,
    /// By the number of the place. As long as ever so many stood here at once; connections bound them.
    places: Vec<Option<Waiting>>,
    free: Vec<usize>,
    leader: Option<usize>,
}

#[derive(Debug)]
struct Waiting {
    seq: u64,
    waker: Option<Waker>,
}

/// What somebody in the line is woken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// What was waited for has come.
    There,
    /// It is this one's turn to look.
    Lead,
}

/// A place in the line, left when it is dropped.
#[derive(Debug)]
pub(super) struct Place<'a> {
    line: &'a Line,
    number: usize,
}

impl Line {
    fn standing(&self) -> MutexGuard<'_, Standing> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a place to wait for a seq.
    pub(super) fn join(&self, seq: u64) -> Place<'_> {
        let mut standing = self.standing();
        let waiting = Some(Waiting { seq, waker: None });
        let free = standing.free.pop();
        let number = free.unwrap_or(standing.places.len());
        match standing.places.get_mut(number) {
            Some(place) => *place = waiting,
            None => standing.places.push(waiting),
        }
        standing.leader.get_or_insert(number);
        Place { line: self, number }
    }

    /// Says how far the journal is.
    pub(super) fn reached(&self, seq: u64) {
        let mut standing = self.standing();
        standing.reached = standing.reached.max(seq);
        let there = |waiting: &&mut Waiting| waiting.seq <= seq;
        let wakers: Vec<Waker> =
            standing.places.iter_mut().flatten().filter(there).filter_map(|waiting| waiting.waker.take()).collect();
        drop(standing);
        wakers.into_iter().for_each(Waker::wake);
    }

    fn poll(&self, number: usize, context: &Context<'_>) -> Poll<Turn> {
        let mut standing = self.standing();
        let Standing { reached, places, leader, .. } = &mut *standing;
        let Some(Some(waiting)) = places.get_mut(number) else { return Poll::Ready(Turn::There) };
        if waiting.seq <= *reached {
            return Poll::Ready(Turn::There);
        }
        if *leader == Some(number) {
            return Poll::Ready(Turn::Lead);
        }
        match &mut waiting.waker {
            Some(waker) => waker.clone_from(context.waker()),
            None => waiting.waker = Some(context.waker().clone()),
        }
        Poll::Pending
    }
}

impl Place<'_> {
    /// Waits for the turn.
    pub(super) async fn turn(&self) -> Turn {
        poll_fn(|context| self.line.poll(self.number, context)).await
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut standing = self.line.standing();
        let Standing { reached, places, free, leader } = &mut *standing;
        if let Some(place) = places.get_mut(self.number) {
            *place = None;
            free.push(self.number);
        }
        if *leader == Some(self.number) {
            // Not one who is there already: it is about to go. The first of them, so that who waits for several at once
            // may do so one after the other.
            let waits = |(number, place): (usize, &Option<Waiting>)| {
                place.as_ref().filter(|waiting| waiting.seq > *reached).map(|waiting| (waiting.seq, number))
            };
            *leader = places.iter().enumerate().filter_map(waits).min().map(|(_, number)| number);
            let next = leader.and_then(|next| places.get_mut(next)?.as_mut()?.waker.take());
            drop(standing);
            if let Some(waker) = next {
                waker.wake();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Line, Turn};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::{Context, Poll, Wake, Waker};

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// What it is woken for, and how often it was woken.
    fn check_turn(line: &Line, number: usize, count: &Arc<Count>, turn: Option<Turn>, woken: usize) {
        let waker = Waker::from(Arc::clone(count));
        let polled = line.poll(number, &Context::from_waker(&waker));
        assert_eq!((polled, count.0.load(Ordering::Relaxed)), (turn.map_or(Poll::Pending, Poll::Ready), woken));
    }

    #[test]
    fn one_leads_and_the_others_are_woken_when_they_are_there() {
        let line = Line::default();
        let places = [line.join(1), line.join(2), line.join(3)];
        let counts: [Arc<Count>; 3] = Default::default();
        check_turn(&line, 0, &counts[0], Some(Turn::Lead), 0);
        check_turn(&line, 1, &counts[1], None, 0);
        check_turn(&line, 2, &counts[2], None, 0);
        line.reached(2);
        check_turn(&line, 0, &counts[0], Some(Turn::There), 0);
        check_turn(&line, 1, &counts[1], Some(Turn::There), 1);
        check_turn(&line, 2, &counts[2], None, 0);
        drop(places);
        let standing = line.standing();
        assert!(standing.places.iter().all(Option::is_none));
        assert_eq!((standing.free.len(), standing.leader), (3, None));
    }

    #[test]
    fn who_leads_and_goes_leaves_it_to_one_who_waits() {
        let line = Line::default();
        let (first, second, third) = (line.join(1), line.join(2), line.join(3));
        let counts: [Arc<Count>; 3] = Default::default();
        check_turn(&line, 1, &counts[1], None, 0);
        check_turn(&line, 2, &counts[2], None, 0);
        line.reached(2);
        drop(first);
        check_turn(&line, 2, &counts[2], Some(Turn::Lead), 1);
        drop(third);
        assert_eq!(line.standing().leader, None);
        // A place is taken again; who comes to an empty line leads, even while one who is there has not gone.
        let fourth = line.join(9);
        check_turn(&line, fourth.number, &counts[0], Some(Turn::Lead), 0);
        drop((second, fourth));
        assert_eq!(line.standing().places.len(), 3);
    }

    #[test]
    fn who_comes_late_is_there_at_once() {
        let line = Line::default();
        let _leader = line.join(9);
        line.reached(5);
        let late = line.join(5);
        check_turn(&line, late.number, &Arc::default(), Some(Turn::There), 0);
    }
}
