/// What ends a worker or spoils a piece of its work.
///
/// Every description is one sentence for people that says what to do.
package enum WorkerError: Error, Equatable, Sendable {
    /// The coordinator will not have this worker, however often it asks; the executable exits with code 78.
    case refused(reason: String)
    /// None of the token's hosts can be asked.
    case unreachable(reason: String)
    /// The program at the token's address has another key than the token names.
    case wrongKey(address: String)
    /// The token names no key, and the secret must not cross a network in the clear.
    case unencryptedToken(hosts: String)
    /// TLS can't be set up on this host.
    case encryptionUnavailable(problem: String)
    /// The worker ends while it waits for a model.
    case interrupted
    /// The model is not on this host, and must not be fetched.
    case missingModel(name: String)
    /// The coordinator has no cell that this host can render.
    case unfit(reason: String)
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

extension WorkerError {
    /// Whether trying again is useless, since the token or this program is not what the coordinator wants.
    package var isRefusal: Bool {
        switch self {
        case .refused, .wrongKey, .unencryptedToken: true
        default: false
        }
    }
}

extension WorkerError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .refused(let reason):
            "The coordinator refused this worker for good: \(reason)"
        case .unreachable(let reason):
            "The coordinator can't be asked: \(reason)"
        case .wrongKey(let address):
            "\(address) shows another key than the join token names, so it was told nothing; "
                + "copy the token again from the coordinator's output."
        case .unencryptedToken(let hosts):
            "The join token names no key, so its secret would cross the network to \(hosts) for all to read; "
                + "start the coordinator without --no-tls, in this version, and copy its new token."
        case .encryptionUnavailable(let problem):
            "Connections can't be encrypted on this host: \(problem)"
        case .interrupted:
            "The worker was asked to stop while it waited for a model."
        case .missingModel(let name):
            "This host lacks the model “\(name)” with the sweep's content; copy it here, or leave --no-model-download "
                + "away."
        case .unfit(let reason):
            reason
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
