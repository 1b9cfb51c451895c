//! The truth about a workload: its rectangles, counted and asked as they pass, never held together.
//!
//! Memory is that of the shuffled stream and its grouping by key (eight bytes a put) and of the
//! histories of the probed keys.

use std::collections::BTreeMap;

use super::positions::{Positions, UNBOUNDED};
use super::questions::{Answer, Probe, Question};
use super::resolve::{Rectangle, Resolver};
use crate::failure::Result;

/// What every answer is held against.
#[derive(Debug)]
pub struct Truth {
    /// How many rectangles there are.
    pub rectangle_count: u64,
    /// How many of them are believed now, at whatever valid instant.
    pub believed_count: u64,
    /// The answers to [`Question::ALL`], in its order.
    pub answers: [Answer; Question::ALL.len()],
    /// The probes of Q5 and Q6.
    pub probes: Vec<Probe>,
    /// The rectangles of every probed key, by system start and valid start.
    histories: BTreeMap<u32, Vec<Rectangle>>,
}

impl Truth {
    /// Resolves the workload, and hands the rectangles of each key to `sink`: keys ascending, then
    /// by system start and valid start.
    pub fn resolve(
        positions: &Positions,
        mut sink: impl FnMut(&[Rectangle]) -> Result<()>,
    ) -> Result<Truth> {
        let probes = Probe::all(positions);
        let histories = probes.iter().map(|probe| (probe.key, Vec::new())).collect();
        let answers = Default::default();
        let mut truth = Truth { rectangle_count: 0, believed_count: 0, answers, probes, histories };
        let resolver = Resolver::new(positions);
        let mut rectangles = Vec::new();
        for key in 0..positions.size().key_count() {
            resolver.resolve(key, &mut rectangles);
            truth.add(key, &rectangles);
            sink(&rectangles)?;
        }
        Ok(truth)
    }

    fn add(&mut self, key: u32, rectangles: &[Rectangle]) {
        self.rectangle_count += rectangles.len() as u64;
        for rectangle in rectangles {
            self.believed_count += u64::from(rectangle.system_to == UNBOUNDED);
            for (question, answer) in Question::ALL.iter().zip(&mut self.answers) {
                if question.selects(rectangle) {
                    answer.add(rectangle);
                }
            }
        }
        if let Some(history) = self.histories.get_mut(&key) {
            history.extend_from_slice(rectangles);
        }
    }

    /// What a probe must find, if anything.
    pub fn get(&self, probe: &Probe) -> Option<&Rectangle> {
        let mut history = self.history(probe.key).iter();
        history.find(|rectangle| rectangle.is_visible(probe.system, probe.valid))
    }

    /// The whole history of a probed key; nothing for any other.
    pub fn history(&self, key: u32) -> &[Rectangle] {
        self.histories.get(&key).map_or(&[], Vec::as_slice)
    }
}
