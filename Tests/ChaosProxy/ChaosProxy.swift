import NIOCore
import NIOPosix
import Synchronization

/// A TCP proxy on the loopback that does to connections what bad networks do.
package final class ChaosProxy: Sendable {
    /// What is done to one connection; nothing by default. “Up” is from the one who connects.
    package struct Faults: Sendable {
        /// How much later everything arrives, each way.
        package var latency = Duration.zero
        /// Bytes a second, each way; `nil`: as fast as it goes.
        package var rate: Int?
        /// Longest piece that is passed on at a time, in bytes.
        package var slice: Int?
        /// Resets both sides after this many bytes up.
        package var cutAfter: Int?
        /// Resets both sides after this many bytes down.
        package var cutAfterDown: Int?
        /// Turns over the lowest bit of the byte with this number up.
        package var flip: Int?
        /// Passes nothing on any more, either way, after this many bytes up, and closes nothing: a half-open connection.
        package var holdAfter: Int?
        /// Passes nothing up any more after this many bytes up, as when a route is lost in one direction.
        package var muteUpAfter: Int?
        /// The same down, after this many bytes down.
        package var muteDownAfter: Int?

        package init() {}
    }

    /// Where to connect.
    package let port: Int
    private let channel: any Channel
    private let log: TrafficLog

    private init(channel: any Channel, port: Int, log: TrafficLog) {
        self.channel = channel
        self.port = port
        self.log = log
    }

    /// All that went up, on all connections in a row.
    package var recorded: [UInt8] { log.bytes }

    /// How many connections there were.
    package var connections: Int { log.connections }

    /// Runs `body` beside a proxy for `port` of this host.
    ///
    /// - Parameters:
    ///   - target: Where connections are passed on to.
    ///   - faults: What is done to the connection of a number, from 0.
    ///   - body: Gets the proxy.
    /// - Returns: What `body` returns.
    /// - Throws: What `body` throws, and when no port can be had.
    package static func run<Result>(
        to target: Int, faults: @escaping @Sendable (Int) -> Faults, _ body: (ChaosProxy) async throws -> Result
    ) async throws -> Result {
        let log = TrafficLog()
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let link = ChaosLink(client: channel, faults: faults(log.begin()), log: log)
                    try channel.pipeline.syncOperations.addHandler(ChaosEnd(link: link, isClient: true))
                    link.connect(to: target)
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        guard let port = channel.localAddress?.port else { throw ChannelError.unknownLocalAddress }
        let result: Swift.Result<Result, any Error>
        do {
            result = .success(try await body(ChaosProxy(channel: channel, port: port, log: log)))
        } catch {
            result = .failure(error)
        }
        try await channel.close()
        return try result.get()
    }
}

/// What went through, for tests that look at it.
final class TrafficLog: Sendable {
    private let state = Mutex((bytes: [UInt8](), connections: 0))

    var bytes: [UInt8] { state.withLock(\.bytes) }
    var connections: Int { state.withLock(\.connections) }

    /// - Returns: The number of the connection that begins.
    func begin() -> Int {
        state.withLock { state in
            defer { state.connections += 1 }
            return state.connections
        }
    }

    func note(_ bytes: [UInt8]) {
        state.withLock { $0.bytes += bytes }
    }
}
