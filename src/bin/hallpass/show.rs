//! What the demo shows: each step, each answer and its rate, and that every answer is the right one.

use hallpass::{Active, Inactive};
use serde::Serialize;

use crate::measure::Measured;
use crate::output::{Failure, Output, grouped};

/// What an answer has to be.
pub(crate) enum Want {
    Active,
    /// Inactive, with a code that begins with this.
    Inactive(&'static str),
}

/// Shows step by step, or all at once as JSON.
pub(crate) struct Show {
    pub(crate) output: Output,
    pub(crate) steps: Vec<Step>,
    pub(crate) answers: Vec<Answer>,
}

/// Something done, and what it took.
#[derive(Serialize)]
pub(crate) struct Step {
    what: String,
    #[serde(flatten)]
    measured: Measured,
}

/// A request and what was answered.
#[derive(Serialize)]
pub(crate) struct Answer {
    request: String,
    profile: String,
    answer: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    measured: Option<Measured>,
}

impl Show {
    pub(crate) fn new(output: Output) -> Self {
        Self {
            output,
            steps: Vec::new(),
            answers: Vec::new(),
        }
    }

    pub(crate) fn heading(&self, text: &str) -> Result<(), Failure> {
        if self.output.json {
            return Ok(());
        }
        self.output.line(format!("\n{text}"))
    }

    pub(crate) fn step(&mut self, what: &str, measured: Measured) -> Result<(), Failure> {
        if !self.output.json {
            let took = format!("{:.1?}", measured.elapsed);
            let told = match measured.count {
                1 => format!("  {what:<44} {took:>10}"),
                count => format!(
                    "  {:<44} {took:>10} {:>15}",
                    format!("{} {what}", grouped(count)),
                    measured.rate()
                ),
            };
            self.output.line(told)?;
        }
        self.steps.push(Step {
            what: what.to_owned(),
            measured,
        });
        Ok(())
    }

    pub(crate) fn answer(
        &mut self,
        request: &str,
        profile: &str,
        answer: &Result<Active<'_>, Inactive>,
        want: Want,
    ) -> Result<(), Failure> {
        let as_wanted = match (answer, want) {
            (Ok(_), Want::Active) => true,
            (Err(why), Want::Inactive(code)) => why.code().starts_with(code),
            _ => false,
        };
        let told = match answer {
            Ok(active) => format!("active, {} of {}", active.token_id(), active.client_id()),
            Err(why) => format!("inactive, {}", why.code()),
        };
        if !as_wanted {
            return Err(Failure::WrongAnswer {
                what: format!("{request}: {told}"),
            });
        }
        if !self.output.json {
            self.output
                .line(format!("  {request:<51} {profile:<8} {told}"))?;
        }
        self.answers.push(Answer {
            request: request.to_owned(),
            profile: profile.to_owned(),
            answer: told,
            measured: None,
        });
        Ok(())
    }

    /// The rate at which answers like the last one are given.
    pub(crate) fn rate(&mut self, measured: Measured) -> Result<(), Failure> {
        if !self.output.json {
            self.output.line(format!(
                "  {:>60} {:>15}   {} each",
                "",
                measured.rate(),
                measured.each()
            ))?;
        }
        if let Some(last) = self.answers.last_mut() {
            last.measured = Some(measured);
        }
        Ok(())
    }
}
