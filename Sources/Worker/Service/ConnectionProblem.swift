import Foundation
import NIOCore
import NIOPosix
import NIOSSL
import SharedModel

/// What went wrong with a connection, as a sentence for people.
enum ConnectionProblem {
    static func sentence(about error: any Error) -> String {
        switch error {
        case let error as WireError: "\(error)"
        case NIOSSLError.uncleanShutdown: "The connection was cut."
        case NIOSSLError.handshakeFailed:
            "No encrypted connection came about; check that the address is the coordinator's."
        case let error as IOError: "The connection broke: \(String(cString: strerror(error.errnoCode)))."
        default: "The connection broke: \(error)."
        }
    }

    static func sentence(about error: any Error, host: String, port: Int) -> String {
        let address = address(host, port)
        guard let error = error as? NIOConnectionError else {
            if case ChannelError.connectTimeout = error { return "\(address) does not answer." }
            return "\(address) cannot be reached: \(reason(error))."
        }
        guard let attempt = error.connectionErrors.first?.error else {
            return "The name \(host) cannot be resolved; check it, or the network of this host."
        }
        if case ChannelError.connectTimeout = attempt { return "\(address) does not answer." }
        return "\(address) cannot be reached: \(reason(attempt))."
    }

    /// How people write a host with a port.
    static func address(_ host: String, _ port: Int) -> String {
        host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    }

    private static func reason(_ error: any Error) -> String {
        guard let error = error as? IOError else { return "\(error)" }
        return String(cString: strerror(error.errnoCode))
    }
}
