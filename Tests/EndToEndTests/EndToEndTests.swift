import TestKit
import Testing

/// Everything that starts whole servers, one after the other: the machine is small, and what a
/// delegation takes is measured.
@Suite(.serialized) struct EndToEndTests {}
