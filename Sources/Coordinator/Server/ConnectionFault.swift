import NIOCore
import NIOSSL
import SharedModel

/// What ended a connection, in words for the log and for people.
enum ConnectionFault {
    static func sentence(about error: any Error) -> String {
        switch error {
        case NIOSSLError.uncleanShutdown: "the connection was cut"
        case NIOSSLError.handshakeFailed(let problem): "no encrypted connection came about (\(problem))"
        case let error as BoringSSLError: "the encryption failed (\(error))"
        case let error as IOError: "the connection broke (\(error))"
        default: "\(error)"
        }
    }

    /// Whether the worker broke off without having done anything wrong, so that it may go on where it stopped.
    static func isCut(_ error: any Error) -> Bool {
        switch error {
        case WireError.truncated: true
        case is WireError, is BoringSSLError: false
        default: true
        }
    }
}
