import Glibc
import NIOCore
import NIOPosix

/// The two sockets of one connection through the proxy, on one event loop.
///
/// `@unchecked Sendable`: everything is touched on that loop alone.
final class ChaosLink: @unchecked Sendable {
    /// One way through the proxy.
    private struct Lane {
        var bytes = 0
        /// When the line is free again, at its rate.
        var freeAt = NIODeadline.now()
    }

    private let client: any Channel
    private let faults: ChaosProxy.Faults
    private let log: TrafficLog
    private var server: (any Channel)?
    private var waiting = ByteBuffer()
    private var up = Lane()
    private var down = Lane()
    private var isHeld = false
    private var isCut = false

    init(client: any Channel, faults: ChaosProxy.Faults, log: TrafficLog) {
        self.client = client
        self.faults = faults
        self.log = log
    }

    func connect(to port: Int) {
        ClientBootstrap(group: client.eventLoop)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(ChaosEnd(link: self, isClient: false))
                }
            }
            .connect(host: "127.0.0.1", port: port).whenComplete { result in
                switch result {
                case .success(let channel):
                    self.server = channel
                    let early = self.waiting
                    self.waiting = ByteBuffer()
                    if early.readableBytes > 0 { self.passUp(early) }
                case .failure: self.client.close(promise: nil)
                }
            }
    }

    func came(_ bytes: ByteBuffer, fromClient: Bool) {
        if !fromClient {
            pass(bytes, through: \.down, to: client, cutAfter: faults.cutAfterDown)
        } else if server == nil {
            waiting.writeImmutableBuffer(bytes)
        } else {
            passUp(bytes)
        }
    }

    /// One side has closed; the other hears of it, after what is still on its way.
    func closed(client isClient: Bool) {
        guard !isHeld else { return }
        let other = isClient ? server : client
        let wait = TimeAmount(faults.latency)
        client.eventLoop.scheduleTask(in: wait) { other?.close(promise: nil) }
    }

    private func passUp(_ bytes: ByteBuffer) {
        guard let server else { return }
        var bytes = bytes
        let start = up.bytes
        if let flip = faults.flip, (start..<start + bytes.readableBytes).contains(flip) {
            let index = bytes.readerIndex + flip - start
            if let byte = bytes.getInteger(at: index, as: UInt8.self) { bytes.setInteger(byte ^ 1, at: index) }
        }
        if let hold = faults.holdAfter, start + bytes.readableBytes >= hold {
            bytes = bytes.readSlice(length: max(0, min(hold - start, bytes.readableBytes))) ?? ByteBuffer()
            pass(bytes, through: \.up, to: server, cutAfter: faults.cutAfter)
            isHeld = true
            return
        }
        pass(bytes, through: \.up, to: server, cutAfter: faults.cutAfter)
    }

    private func pass(
        _ bytes: ByteBuffer, through lane: ReferenceWritableKeyPath<ChaosLink, Lane>, to channel: any Channel,
        cutAfter: Int?
    ) {
        guard !isHeld, !isCut else { return }
        var rest = bytes
        if let mute = lane == \.up ? faults.muteUpAfter : faults.muteDownAfter {
            rest = rest.readSlice(length: max(0, min(mute - self[keyPath: lane].bytes, rest.readableBytes))) ?? rest
        }
        if lane == \.up { log.note(Array(bytes.readableBytesView)) }
        if let cutAfter, self[keyPath: lane].bytes + rest.readableBytes >= cutAfter {
            rest = rest.readSlice(length: max(0, cutAfter - self[keyPath: lane].bytes)) ?? ByteBuffer()
            isCut = true
        }
        self[keyPath: lane].bytes += rest.readableBytes
        while let piece = rest.readSlice(length: min(faults.slice ?? .max, rest.readableBytes)), piece.readableBytes > 0
        {
            send(piece, through: lane, to: channel)
        }
        guard isCut else { return }
        let wait = self[keyPath: lane].freeAt - .now() + TimeAmount(faults.latency)
        client.eventLoop.scheduleTask(in: max(wait, .zero)) { self.reset() }
    }

    private func send(
        _ piece: ByteBuffer, through lane: ReferenceWritableKeyPath<ChaosLink, Lane>, to channel: any Channel
    ) {
        guard faults.latency > .zero || faults.rate != nil else {
            // No errors to be told: a channel that is gone tells so itself.
            return channel.writeAndFlush(piece, promise: nil)
        }
        let now = NIODeadline.now()
        var begin = max(self[keyPath: lane].freeAt, now)
        if let rate = faults.rate {
            begin = begin + .nanoseconds(Int64(piece.readableBytes) * 1_000_000_000 / Int64(max(rate, 1)))
        }
        self[keyPath: lane].freeAt = begin
        client.eventLoop.scheduleTask(deadline: begin + TimeAmount(faults.latency)) {
            channel.writeAndFlush(piece, promise: nil)
        }
    }

    /// Ends both sides without a goodbye, as a router that forgets them would.
    private func reset() {
        for channel in [client, server].compactMap(\.self) {
            let abort = linger(l_onoff: 1, l_linger: 0)
            guard let options = channel as? any SocketOptionProvider else {
                channel.close(promise: nil)
                continue
            }
            options.setSoLinger(abort).whenComplete { _ in channel.close(promise: nil) }
        }
    }
}

/// One end of a connection through the proxy.
final class ChaosEnd: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let link: ChaosLink
    private let isClient: Bool

    init(link: ChaosLink, isClient: Bool) {
        self.link = link
        self.isClient = isClient
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        link.came(unwrapInboundIn(data), fromClient: isClient)
    }

    func channelInactive(context: ChannelHandlerContext) {
        link.closed(client: isClient)
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }
}
