package import NIOCore
import NIOPosix
package import SharedModel
import Synchronization

/// Many workers in one process that render nothing: what a coordinator can bear, measured over the real wire.
package final class LoadFleet: Sendable {
    private struct State {
        var count = LoadCount()
        var images: [LoadImage] = []
        var isDrained = false
        var problem: String?
        var isRefused = false
    }

    private let token: JoinToken
    private let plan: LoadPlan
    private let group: any EventLoopGroup
    private let state = Mutex(State())

    package init(
        token: JoinToken, plan: LoadPlan, group: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton
    ) {
        self.token = token
        self.plan = plan
        self.group = group
    }

    /// What has been done so far.
    package var count: LoadCount { state.withLock(\.count) }
    /// What went wrong last, in a sentence.
    package var problem: String? { state.withLock(\.problem) }
    /// Whether the coordinator will not have these workers, however often they ask.
    package var isRefused: Bool { state.withLock(\.isRefused) }
    /// Whether the coordinator has nothing more to grant.
    package var isDrained: Bool { state.withLock(\.isDrained) }

    /// Keeps every worker connected until the coordinator drains them or the task is cancelled.
    package func run() async {
        await withDiscardingTaskGroup { group in
            for number in 0..<plan.workers { group.addTask { await self.keepConnected(number) } }
        }
    }

    private func keepConnected(_ number: Int) async {
        let digits = String(number, radix: 16)
        let hello = Hello(
            version: WireLimits.protocolVersion, secret: token.secret.base64URL, name: "load-\(number)",
            identity: String(repeating: "0", count: 32 - digits.count) + digits, device: "none", program: "simulate",
            leases: [])
        var backoff = Backoff(
            shortest: .milliseconds(250), longest: .seconds(10), generator: SystemRandomNumberGenerator())
        while !Task.isCancelled, !isDrained {
            do {
                let channel = try await connect(
                    hello, seconds: plan.seconds(ofWorker: number), host: token.hosts[number % token.hosts.count])
                try await withTaskCancellationHandler {
                    try await channel.closeFuture.get()
                } onCancel: {
                    channel.close(promise: nil)
                }
                backoff.reset()
            } catch {
                failed(because: "\(error)")
            }
            guard plan.isReconnecting, !isDrained else { return }
            // Cancelled: the loop's condition ends it.
            try? await Task.sleep(for: backoff.next())
        }
    }

    private func connect(_ hello: Hello, seconds: Double, host: String) async throws -> any Channel {
        let key = try token.pinnedKey()
        return try await ClientBootstrap(group: group)
            .connectTimeout(.seconds(30))
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelInitializer { [plan] channel in
                channel.eventLoop.makeCompletedFuture {
                    if let key {
                        let handler = try key.handler {
                            self.refused(Refused(reason: "\(host) shows another key.", isFinal: true))
                        }
                        try channel.pipeline.syncOperations.addHandler(handler)
                    }
                    try channel.pipeline.syncOperations.addHandlers(
                        ByteToMessageHandler(FrameDecoder<CoordinatorMessage>(limit: .authenticated())),
                        MessageToByteHandler(FrameEncoder<WorkerMessage>()),
                        LoadWorker(hello: hello, plan: plan, secondsPerImage: seconds, fleet: self))
                }
            }
            .connect(host: host, port: token.port).get()
    }

    func note(_ change: (inout LoadCount) -> Void) {
        state.withLock { change(&$0.count) }
    }

    func failed(because problem: String) {
        // How a connection ends that was refused is no news.
        state.withLock { if !$0.isRefused { $0.problem = problem } }
    }

    func refused(_ refused: Refused) {
        state.withLock {
            $0.problem = refused.reason
            if refused.isFinal { $0.isRefused = true }
        }
    }

    func drained() {
        state.withLock { $0.isDrained = true }
    }

    /// The image of a size; made once.
    func image(width: Int, height: Int) throws -> LoadImage {
        let known = state.withLock { $0.images.first { $0.width == width && $0.height == height } }
        if let known { return known }
        let made = try LoadImage(width: width, height: height)
        state.withLock { $0.images.append(made) }
        return made
    }
}
