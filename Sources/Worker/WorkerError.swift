/// What ends a worker or spoils a piece of its work.
///
/// Every description is one sentence for people that says what to do.
package enum WorkerError: Error, Equatable, Sendable {
    /// The coordinator will not have this worker, however often it asks; the executable exits with code 78.
    case refused(reason: String)
    /// The token demands an encrypted connection, and the secret must not cross the network in the clear.
    case encryptionUnavailable
    /// The device can't be used at all.
    case engineUnavailable(reason: String)
    /// The model of a grant is not on this host, or is another one of the same name.
    case unusableModel(name: String, reason: String)
    /// The cell's picture is bigger than the protocol carries.
    case imageTooLarge(bytes: Int, maximum: Int)
    /// A step on a file of the spool failed.
    case spool(path: String, step: String, problem: String)
    /// An image in the spool is not what was written.
    case damagedEntry(path: String, problem: String)
}

extension WorkerError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .refused(let reason):
            "The coordinator refused this worker for good: \(reason)"
        case .encryptionUnavailable:
            "The join token demands an encrypted connection, which this version cannot make; update tmdne on this host."
        case .engineUnavailable(let reason):
            "Nothing can be rendered on this host: \(reason)"
        case .unusableModel(let name, let reason):
            "The model “\(name)” cannot be used on this host: \(reason)"
        case .imageTooLarge(let bytes, let maximum):
            "The PNG file has \(bytes) bytes, more than the \(maximum) that can be sent; choose a smaller size."
        case .spool(let path, let step, let problem):
            "The spool cannot \(step) \(path) (\(problem)); free the disk or choose another directory with --cache."
        case .damagedEntry(let path, let problem):
            "The spooled image \(path) is damaged (\(problem)), so it is dropped and its cell will be rendered again."
        }
    }
}
