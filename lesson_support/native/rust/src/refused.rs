//! Why an argument is not taken: one sentence that names it, what came and what was expected.

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused(pub String);

impl std::fmt::Display for Refused {
    fn fmt(&self, to: &mut std::fmt::Formatter) -> std::fmt::Result {
        to.write_str(&self.0)
    }
}

impl std::error::Error for Refused {}

/// `Err` with a formatted sentence.
macro_rules! refuse {
    ($($sentence:tt)*) => {
        Err($crate::refused::Refused(format!($($sentence)*)))
    };
}
pub(crate) use refuse;
