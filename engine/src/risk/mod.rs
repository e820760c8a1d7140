//! Limits that cannot be by-passed.

/// Proof that an order passed the risk check. Only this module can make one, and only a `Checked`
/// order can be encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checked<T>(T);

impl<T> Checked<T> {
    /// The order.
    pub const fn get(&self) -> &T {
        &self.0
    }
}
