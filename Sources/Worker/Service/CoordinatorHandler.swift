import NIOCore
import SharedModel

/// The end of a connection's pipeline: hands what comes in to the driver.
final class CoordinatorHandler: ChannelInboundHandler {
    typealias InboundIn = CoordinatorMessage

    private let driver: SessionDriver
    private var problem: String?

    init(driver: SessionDriver) {
        self.driver = driver
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        driver.received(unwrapInboundIn(data))
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable { driver.becameWritable() }
        context.fireChannelWritabilityChanged()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        problem = problem ?? ConnectionProblem.sentence(about: error)
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        driver.closed(because: problem ?? "The coordinator closed the connection.")
        context.fireChannelInactive()
    }
}
