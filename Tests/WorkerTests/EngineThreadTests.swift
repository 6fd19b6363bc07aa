import Foundation
import NIOPosix
import Testing

@testable import Worker

@Suite("The engine's thread")
struct EngineThreadTests {
    @Test("other threads are put behind it, and it stays where it is")
    func precedence() async throws {
        let (engine, other) = (NIOThreadPool(numberOfThreads: 1), NIOThreadPool(numberOfThreads: 1))
        for pool in [engine, other] { pool.start() }
        let otherThread = try await other.runIfActive { gettid() }
        let (own, nice) = try await engine.runIfActive {
            let before = getpriority(PRIO_PROCESS, id_t(gettid()))
            EngineThread.takePrecedence(over: [otherThread, gettid()])
            return (before, getpriority(PRIO_PROCESS, id_t(gettid())))
        }
        #expect(nice == own)
        #expect(try await other.runIfActive { getpriority(PRIO_PROCESS, id_t(gettid())) } == min(own + 10, 19))
        for pool in [engine, other] { try await pool.shutdownGracefully() }
    }
}
