//! Temporal SQL over Annals.
