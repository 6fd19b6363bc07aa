import ChaosProxy
import Foundation
import SharedModel
import TestSupport
import Testing

@testable import Coordinator
@testable import Worker

/// Bad networks between a real coordinator and a real worker: the sweep ends, and every cell has its one image.
@Suite("Bad networks", .timeLimit(.minutes(Soak.size(3, soak: 15))), .serialized)
struct ChaosTests {
    /// Renders a sweep through a proxy with `faults`.
    ///
    /// - Returns: How many connections it took.
    @discardableResult
    private func render(
        isEncrypted: Bool = true, cells: Int = 4, size: Int = 64,
        faults: @escaping @Sendable (Int) -> ChaosProxy.Faults
    ) async throws -> Int {
        try await WireFixture.withDirectory { folder in
            var settings = WireFixture.settings()
            settings.isEncrypted = isEncrypted
            settings.heartbeatSeconds = 0.1
            let plan = WireFixture.plan(cells: cells, size: size)
            let connections = try await WireFixture.serve(in: folder, plan: plan, settings: settings) { server in
                try await ChaosProxy.run(to: server.boundPort, faults: faults) { proxy in
                    let token = try WireFixture.token(server.joinToken, port: proxy.port)
                    try await WireFixture.worker(token, in: folder).run()
                    return proxy.connections
                }
            }
            try WireFixture.expectWhole(folder, cells: cells)
            return connections
        }
    }

    @Test("a connection that is reset at any byte of an upload is taken up again, encrypted or not")
    func resets() async throws {
        // Every cut comes later than the one before, from the first byte of the handshake to the last image.
        for isEncrypted in [true, false] {
            let connections = try await render(isEncrypted: isEncrypted) { number in
                var faults = ChaosProxy.Faults()
                faults.cutAfter = number < 40 ? 1 + number * 97 : nil
                return faults
            }
            #expect(connections > 5)
        }
    }

    @Test("a connection may be reset at every single byte, from the hello to the end of an upload")
    func everyByte() async throws {
        let step = Soak.size(16, soak: 1)
        for isEncrypted in [true, false] {
            let connections = try await render(isEncrypted: isEncrypted, cells: 1, size: 8) { number in
                var faults = ChaosProxy.Faults()
                faults.cutAfter = 1 + number * step
                return faults
            }
            // The last connection is the first that is long enough: a hello, a claim, an offer and the image's bytes.
            #expect(connections * step > 700)
            Soak.record(
                "connection reset after every \(step) bytes\(isEncrypted ? ", encrypted" : "")",
                injectedBy: "chaos proxy", runs: connections, "whole")
        }
    }

    @Test("answers that are cut off lose nothing and double nothing")
    func lostAnswers() async throws {
        let connections = try await render { number in
            var faults = ChaosProxy.Faults()
            // Past the handshake and the grants, to the acknowledgements.
            faults.cutAfterDown = 400 + number * 61
            return faults
        }
        #expect(connections > 5)
    }

    @Test("bytes that come one at a time mean what they mean together")
    func slices() async throws {
        let connections = try await render(cells: 2) { _ in
            var faults = ChaosProxy.Faults()
            faults.slice = 1
            return faults
        }
        #expect(connections == 1)
    }

    @Test("a byte that is turned over on the way breaks the connection, not the sweep")
    func flips() async throws {
        let connections = try await render { number in
            var faults = ChaosProxy.Faults()
            faults.flip = number < 8 ? 700 + number * 311 : nil
            return faults
        }
        #expect(connections >= 2)
    }

    @Test("a long and narrow line is only slow")
    func latency() async throws {
        let connections = try await render(cells: 2) { _ in
            var faults = ChaosProxy.Faults()
            faults.latency = .milliseconds(Soak.size(30, soak: 500))
            // A megabit.
            faults.rate = 125_000
            return faults
        }
        #expect(connections == 1)
        Soak.record("500 ms of latency, 1 Mbit/s", injectedBy: "chaos proxy", runs: 1, "whole, one connection")
    }

    /// Ways for a connection to fall silent without being closed.
    enum Silence: CaseIterable, Sendable {
        case bothWays
        case up
        case down

        /// Past the handshake, the hello and the claim; beats and their answers get there.
        var faults: ChaosProxy.Faults {
            var faults = ChaosProxy.Faults()
            switch self {
            case .bothWays: faults.holdAfter = 3500
            case .up: faults.muteUpAfter = 3500
            case .down: faults.muteDownAfter = 5000
            }
            return faults
        }
    }

    @Test(
        "the cells of a worker whose connection is half-open, or open one way alone, are rendered by another",
        arguments: Silence.allCases)
    func halfOpen(_ silence: Silence) async throws {
        try await WireFixture.withDirectory { folder in
            var settings = WireFixture.settings()
            settings.timeouts.silence = .milliseconds(500)
            settings.timeouts.grace = .milliseconds(100)
            settings.heartbeatSeconds = 0.1
            try await WireFixture.serve(in: folder, settings: settings) { server in
                let faults = { @Sendable (_: Int) in silence.faults }
                try await ChaosProxy.run(to: server.boundPort, faults: faults) { proxy in
                    let token = try WireFixture.token(server.joinToken, port: proxy.port)
                    let stuck = WireFixture.worker(token, in: "\(folder)/stuck") { NullEngine(delay: .seconds(30)) }
                    let sound = WireFixture.worker(server.joinToken, in: "\(folder)/sound")
                    try await withThrowingTaskGroup { group in
                        group.addTask { try await stuck.run() }
                        for await event in stuck.events { if case .granted = event { break } }
                        try await sound.run()
                        group.cancelAll()
                    }
                }
            }
            try WireFixture.expectWhole(folder, cells: 4)
        }
    }
}
