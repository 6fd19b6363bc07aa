import NIOCore
import NIOPosix
package import SharedModel

/// Asks a coordinator over the network how its sweep stands, without joining it.
package struct StatusInquiry: Sendable {
    private static let patience = TimeAmount.seconds(10)

    private let token: JoinToken
    private let key: PinnedKey?

    /// - Throws: ``WorkerError`` for a token whose secret would travel for all to read.
    package init(_ token: JoinToken) throws {
        self.token = token
        key = try token.pinnedKey()
    }

    /// Tries the token's hosts in their order.
    ///
    /// - Throws: ``WorkerError/refused(reason:)`` when the coordinator does not want to tell,
    ///   ``WorkerError/unreachable(reason:)`` when none of the hosts answers.
    package func report() async throws -> SweepStatus {
        var problems: [String] = []
        for host in token.hosts {
            do {
                return try await ask(host)
            } catch let error as WorkerError {
                guard case .unreachable(let reason) = error else { throw error }
                problems.append(reason)
            }
        }
        throw WorkerError.unreachable(reason: problems.joined(separator: " "))
    }

    private func ask(_ host: String) async throws -> SweepStatus {
        let group = MultiThreadedEventLoopGroup.singleton.next()
        let answer = group.makePromise(of: SweepStatus.self)
        let bootstrap = ClientBootstrap(group: group)
            .connectTimeout(Self.patience)
            .channelInitializer { [key, token] channel in
                channel.eventLoop.makeCompletedFuture {
                    if let key {
                        let handler = try key.handler {
                            answer.fail(WorkerError.wrongKey(address: ConnectionProblem.address(host, token.port)))
                        }
                        try channel.pipeline.syncOperations.addHandler(handler)
                    }
                    try channel.pipeline.syncOperations.addHandlers(
                        ByteToMessageHandler(FrameDecoder<CoordinatorMessage>(limit: .authenticated())),
                        MessageToByteHandler(FrameEncoder<WorkerMessage>()),
                        ReportHandler(answer: answer))
                }
            }
        let channel: any Channel
        do {
            channel = try await bootstrap.connect(host: host, port: token.port).get()
        } catch {
            let problem = WorkerError.unreachable(
                reason: ConnectionProblem.sentence(about: error, host: host, port: token.port))
            answer.fail(problem)
            throw problem
        }
        let timeout = group.scheduleTask(in: Self.patience) {
            let address = ConnectionProblem.address(host, token.port)
            answer.fail(WorkerError.unreachable(reason: "\(address) does not answer."))
        }
        defer {
            timeout.cancel()
            channel.close(promise: nil)
        }
        let inquire = Inquire(version: WireLimits.protocolVersion, secret: token.secret.base64URL)
        channel.writeAndFlush(WorkerMessage.inquire(inquire), promise: nil)
        return try await answer.futureResult.get()
    }
}

/// Hands the first message of a coordinator to a promise.
private final class ReportHandler: ChannelInboundHandler {
    typealias InboundIn = CoordinatorMessage

    private let answer: EventLoopPromise<SweepStatus>

    init(answer: EventLoopPromise<SweepStatus>) {
        self.answer = answer
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .report(let status): answer.succeed(status)
        case .refused(let refused): answer.fail(WorkerError.refused(reason: refused.reason))
        default: answer.fail(WorkerError.unreachable(reason: "The coordinator said something that does not fit."))
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        answer.fail(WorkerError.unreachable(reason: ConnectionProblem.sentence(about: error)))
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        answer.fail(WorkerError.unreachable(reason: "The coordinator closed the connection."))
        context.fireChannelInactive()
    }
}
