//! Elementary intervals: overlapping ranges cut at every boundary, found again in O(log).

use std::collections::BTreeSet;

/// Pieces of a line, each from its start to the next; nothing before the first.
#[derive(Debug)]
pub(crate) struct Stretches<P, T> {
    starts: Vec<P>,
    cells: Vec<T>,
}

impl<P: Copy + Ord, T: PartialEq> Stretches<P, T> {
    /// Cut `(first, first after the end, id)` at each boundary, and make a cell of the ids that cover each piece.
    /// Equal neighbours become one: how many rules there are does not show where they make no difference.
    pub(crate) fn sweep(ranges: Vec<(P, Option<P>, usize)>, mut cell: impl FnMut(&BTreeSet<usize>) -> T) -> Self {
        let mut boundaries: Vec<(P, bool, usize)> = Vec::with_capacity(ranges.len() * 2);
        for (first, end, id) in ranges {
            boundaries.push((first, true, id));
            boundaries.extend(end.map(|end| (end, false, id)));
        }
        boundaries.sort_unstable();
        let mut active = BTreeSet::new();
        let mut stretches = Self { starts: Vec::new(), cells: Vec::new() };
        for group in boundaries.chunk_by(|a, b| a.0 == b.0) {
            apply(group, &mut active);
            let cell = cell(&active);
            if stretches.cells.last() != Some(&cell) {
                stretches.starts.extend(group.first().map(|boundary| boundary.0));
                stretches.cells.push(cell);
            }
        }
        stretches
    }

    /// Every cell.
    pub(crate) fn cells(&self) -> &[T] {
        &self.cells
    }

    /// The cell of a position.
    pub(crate) fn at(&self, position: P) -> Option<&T> {
        let index = self.starts.partition_point(|start| *start <= position).checked_sub(1)?;
        self.cells.get(index)
    }

    /// Every cell from `first` to `last`, with its start; `None` stands for what lies before the first cell.
    pub(crate) fn over(&self, first: P, last: P) -> impl Iterator<Item = (P, Option<&T>)> {
        let from = self.starts.partition_point(|start| *start <= first);
        let head = (first, from.checked_sub(1).and_then(|index| self.cells.get(index)));
        let starts = self.starts.get(from..).unwrap_or_default().iter().copied();
        let cells = self.cells.get(from..).unwrap_or_default().iter().map(Some);
        // A request's addresses are few: to look at the next start is cheaper than another search.
        std::iter::once(head).chain(starts.zip(cells).take_while(move |(start, _)| *start <= last))
    }
}

/// Ends before beginnings cannot matter here: one id may come back at the position where it left.
fn apply<P: Ord>(group: &[(P, bool, usize)], active: &mut BTreeSet<usize>) {
    for (_, begins, id) in group {
        if *begins {
            active.insert(*id);
        } else {
            active.remove(id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_position_finds_the_ranges_that_cover_it() {
        let stretches = Stretches::sweep(vec![(2, Some(5), 0), (4, None, 1)], Clone::clone);
        let at = |position: u32| stretches.at(position).map(|ids| ids.iter().copied().collect::<Vec<_>>());

        assert_eq!(at(1), None);
        assert_eq!(at(2), Some(vec![0]));
        assert_eq!(at(4), Some(vec![0, 1]));
        assert_eq!(at(5), Some(vec![1]));
        assert_eq!(at(u32::MAX), Some(vec![1]));
    }

    #[test]
    fn a_walk_meets_every_piece_and_the_void_before_the_first() {
        let stretches = Stretches::sweep(vec![(2_u32, Some(5), 7)], |ids| ids.len());
        let walk: Vec<_> = stretches.over(0, 9).map(|(start, cell)| (start, cell.copied())).collect();

        assert_eq!(walk, [(0, None), (2, Some(1)), (5, Some(0))]);
    }
}
