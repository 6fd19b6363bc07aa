import Foundation
import Testing

/// Tests of the built program as people use it: real processes, files and sockets.
///
/// One at a time: each of them keeps every core busy, and their time limits are meant for an otherwise idle machine.
@Suite(.serialized)
struct EndToEnd {}

extension EndToEnd {
    /// The folder of Package.swift.
    static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()
}
