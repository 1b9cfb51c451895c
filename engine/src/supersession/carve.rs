//! The rule of supersession on rectangles, in the one place that knows it.
//!
//! A cut at system time `at` over `[from, to)` closes every piece believed then that overlaps it. What is left of the piece
//! outside `[from, to)` goes on as pieces that begin at `at`. A piece that itself began at `at` was never believed: it is
//! replaced by its remains and leaves nothing behind.

use crate::time::Rect;

/// From system time `at` on, a row no longer speaks for the valid range `[from, to)`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Cut {
    pub(crate) at: i64,
    pub(crate) from: i64,
    pub(crate) to: i64,
}

/// A piece of a version that is believed so far; its end on the system axis is not known yet.
#[derive(Clone, Copy, Debug)]
struct Piece<T> {
    valid_from: i64,
    valid_to: i64,
    system_from: i64,
    row: T,
}

/// What is believed at some system time: pieces that do not overlap in valid time, each with the row it stems from.
#[derive(Clone, Debug)]
pub(crate) struct LivePieces<T> {
    /// Ordered by `valid_from`; since pieces do not overlap, by `valid_to` too.
    pieces: Vec<Piece<T>>,
}

impl<T: Copy> LivePieces<T> {
    pub(crate) fn new() -> LivePieces<T> {
        LivePieces { pieces: Vec::new() }
    }

    pub(crate) fn clear(&mut self) {
        self.pieces.clear();
    }

    /// Applies a cut; `closed` takes every version that it ends. Cuts must come in order of `at`. Says whether it met a piece.
    pub(crate) fn cut(&mut self, cut: Cut, closed: &mut impl FnMut(T, Rect)) -> bool {
        let first = self.pieces.partition_point(|piece| piece.valid_to <= cut.from);
        let count = self.pieces[first..].partition_point(|piece| piece.valid_from < cut.to);
        if count == 0 {
            return false;
        }
        let met = &self.pieces[first..first + count];
        for piece in met.iter().filter(|piece| piece.system_from < cut.at) {
            closed(piece.row, piece.rect(cut.at));
        }
        let (mut start, mut end) = (first, first + count);
        let has_head = self.pieces[start].valid_from < cut.from;
        let has_tail = self.pieces[end - 1].valid_to > cut.to;
        if has_head && has_tail && count == 1 {
            self.pieces.insert(end, self.pieces[start]);
            end += 1;
        }
        // What is left of the first and of the last piece takes their places: no others are moved, but where one piece becomes two.
        if has_head {
            let head = &mut self.pieces[start];
            (head.valid_to, head.system_from) = (cut.from, cut.at);
            start += 1;
        }
        if has_tail {
            let tail = &mut self.pieces[end - 1];
            (tail.valid_from, tail.system_from) = (cut.to, cut.at);
            end -= 1;
        }
        // Most cuts leave as many pieces as they meet.
        if start < end {
            self.pieces.drain(start..end);
        }
        true
    }

    /// Adds a piece; the range must have been cut free before.
    pub(crate) fn insert(&mut self, row: T, valid_from: i64, valid_to: i64, system_from: i64) {
        let at = self.pieces.partition_point(|piece| piece.valid_from < valid_from);
        debug_assert!(at == 0 || self.pieces[at - 1].valid_to <= valid_from);
        debug_assert!(self.pieces.get(at).is_none_or(|next| valid_to <= next.valid_from));
        self.pieces.insert(at, Piece { valid_from, valid_to, system_from, row });
    }

    /// Hands out what is still believed after the last cut.
    pub(crate) fn finish(&mut self, open: &mut impl FnMut(T, Rect)) {
        for piece in self.pieces.drain(..) {
            open(piece.row, piece.rect(i64::MAX));
        }
    }
}

impl<T> Piece<T> {
    fn rect(&self, system_to: i64) -> Rect {
        Rect {
            valid_from: self.valid_from,
            valid_to: self.valid_to,
            system_from: self.system_from,
            system_to,
        }
    }
}

/// The versions that a row stands for after its cuts, which come in order of `at`.
pub(crate) fn carve(rect: Rect, cuts: impl IntoIterator<Item = Cut>, out: &mut impl FnMut(Rect)) {
    let mut cuts = cuts.into_iter().peekable();
    // Most rows have none.
    if !rect.is_open() || cuts.peek().is_none() {
        return out(rect);
    }
    let mut pieces = LivePieces::new();
    pieces.insert((), rect.valid_from, rect.valid_to, rect.system_from);
    for cut in cuts {
        pieces.cut(cut, &mut |(), closed| out(closed));
    }
    pieces.finish(&mut |(), open| out(open));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(rect: [i64; 3], cuts: &[[i64; 3]], expect: &[[i64; 4]]) {
        let [valid_from, valid_to, system_from] = rect;
        let rect = Rect { valid_from, valid_to, system_from, system_to: i64::MAX };
        let cuts = cuts.iter().map(|&[at, from, to]| Cut { at, from, to });
        let mut found = Vec::new();
        carve(rect, cuts, &mut |r| {
            found.push([r.valid_from, r.valid_to, r.system_from, r.system_to]);
        });
        assert_eq!(found, expect);
    }

    const OPEN: i64 = i64::MAX;

    #[test]
    fn a_cut_over_the_middle_leaves_both_sides() {
        check([0, 100, 1], &[[5, 40, 60]], &[[0, 100, 1, 5], [0, 40, 5, OPEN], [60, 100, 5, OPEN]]);
    }

    #[test]
    fn a_cut_over_several_pieces_leaves_the_ends_of_the_outer_ones() {
        let two = [[5, 10, 20], [7, 5, 50]];
        let closed = [[0, 100, 1, 5], [0, 10, 5, 7], [20, 100, 5, 7]];
        check([0, 100, 1], &two, &[&closed[..], &[[0, 5, 7, OPEN], [50, 100, 7, OPEN]]].concat());
        // The piece in the middle goes, and one that began at the instant of the cut leaves no version.
        let three = [[5, 10, 20], [6, 30, 40], [7, 5, 50]];
        let expect = [
            [0, 100, 1, 5],
            [20, 100, 5, 6],
            [0, 10, 5, 7],
            [20, 30, 6, 7],
            [40, 100, 6, 7],
            [0, 5, 7, OPEN],
            [50, 100, 7, OPEN],
        ];
        check([0, 100, 1], &three, &expect);
        let at_once = [[5, 10, 20], [6, 30, 40], [6, 5, 50]];
        let expect =
            [[0, 100, 1, 5], [20, 100, 5, 6], [0, 10, 5, 6], [0, 5, 6, OPEN], [50, 100, 6, OPEN]];
        check([0, 100, 1], &at_once, &expect);
        check([0, 100, 1], &[[5, 10, 20], [7, 0, 100]], &closed);
    }

    #[test]
    fn a_cut_that_meets_nothing_changes_nothing() {
        check([0, 100, 1], &[[5, 100, 200], [6, -9, 0]], &[[0, 100, 1, OPEN]]);
    }

    #[test]
    fn two_cuts_of_one_transaction_leave_no_version_of_zero_length() {
        let expect = [[0, 100, 1, 5], [0, 10, 5, OPEN], [30, 100, 5, OPEN]];
        check([0, 100, 1], &[[5, 10, 20], [5, 15, 30]], &expect);
    }

    #[test]
    fn a_row_cut_in_the_transaction_that_wrote_it_was_never_believed_there() {
        check([0, 100, 5], &[[5, 0, 100]], &[]);
        check([0, 100, 5], &[[5, 0, 40]], &[[40, 100, 5, OPEN]]);
    }

    #[test]
    fn unbounded_cuts_leave_nothing_beyond() {
        check([0, OPEN, 1], &[[5, 50, OPEN]], &[[0, OPEN, 1, 5], [0, 50, 5, OPEN]]);
        check([i64::MIN, OPEN, 1], &[[5, i64::MIN, OPEN]], &[[i64::MIN, OPEN, 1, 5]]);
    }
}
