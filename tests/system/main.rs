//! System tests.

mod moov;
