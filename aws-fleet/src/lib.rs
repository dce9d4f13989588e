//! EC2 instances as encoders.
