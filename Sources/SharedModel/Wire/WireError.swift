/// What can be wrong with bytes from the other side or with a join token.
///
/// Every description is one sentence that can be shown as it is; none repeats a secret.
package enum WireError: Error, Equatable, Sendable {
    /// The frame's length field is 0: there is no room for the type.
    case emptyFrame
    /// The frame is longer than the limit that holds now; both in bytes, type and payload.
    case frameTooLong(length: Int, limit: Int)
    /// No frame has this type in this direction.
    case unknownType(UInt8)
    /// The payload of a frame is not what the type demands.
    case malformed(frame: String, problem: String)
    /// A field holds a value out of its bounds.
    case outOfBounds(frame: String, field: String, bounds: String)
    /// The connection ended inside a frame.
    case truncated(missing: Int)
    /// A join token that can't be one.
    case token(String)
}

extension WireError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .emptyFrame:
            "A frame has length 0, but its type takes one byte; the other side does not speak this protocol."
        case .frameTooLong(let length, let limit):
            "A frame of \(length) bytes is longer than the \(limit) bytes allowed here; "
                + "the other side does not speak this protocol or is hostile."
        case .unknownType(let type):
            "No frame has the type 0x\(Hexadecimal.encode([type])); the other side speaks another version."
        case .malformed(let frame, let problem):
            "The \(frame) frame is malformed: \(problem); see docs/protocol.md."
        case .outOfBounds(let frame, let field, let bounds):
            "The \(frame) frame is refused: its \(field) must be \(bounds)."
        case .truncated(let missing):
            "The connection ended inside a frame, \(missing) bytes or more before its end."
        case .token(let problem):
            "The join token is not valid: \(problem); copy it again from the coordinator's output."
        }
    }
}
