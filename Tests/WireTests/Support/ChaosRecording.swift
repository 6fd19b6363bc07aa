import ChaosProxy
import SharedModel
import Worker

@testable import Coordinator

/// What somebody on the wire can write down.
enum ChaosRecording {
    /// The bytes that an inquiry sends.
    static func ofStatus(_ server: CoordinatorServer) async throws -> [UInt8] {
        try await ChaosProxy.run(to: server.boundPort, faults: { _ in .init() }) { proxy in
            let token = try WireFixture.token(server.joinToken, port: proxy.port)
            _ = try await StatusInquiry(token).report()
            return proxy.recorded
        }
    }
}
