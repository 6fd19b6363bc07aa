import Crypto
import Foundation
import NIOCore
import SharedModel

/// One worker of a load test: the protocol's plainest course, without engine and spool, on its channel's event loop.
final class LoadWorker: ChannelInboundHandler {
    typealias InboundIn = CoordinatorMessage

    private let hello: Hello
    private let plan: LoadPlan
    private let secondsPerImage: Double
    private let fleet: LoadFleet
    private var context: ChannelHandlerContext?
    private var cells: [GrantedCell] = []
    private var lease: LeaseID?
    private var image: LoadImage?
    private var file: [UInt8] = []
    private var beats: RepeatedTask?
    private var isIn = false

    init(hello: Hello, plan: LoadPlan, secondsPerImage: Double, fleet: LoadFleet) {
        self.hello = hello
        self.plan = plan
        self.secondsPerImage = secondsPerImage
        self.fleet = fleet
    }

    func channelActive(context: ChannelHandlerContext) {
        self.context = context
        send(.hello(hello))
        context.fireChannelActive()
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.context = nil
        beats?.cancel()
        if isIn { fleet.note { $0.connected -= 1 } }
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        fleet.failed(because: "\(error)")
        context.close(promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .welcome(let welcome): begin(welcome, on: context)
        case .grant(let grant): take(grant)
        case .idle(let idle): after(.milliseconds(Int64(max(idle.retrySeconds, 0.05) * 1000))) { $0.claim() }
        case .send: upload()
        case .ack(let ack): acknowledged(ack)
        case .drain:
            fleet.drained()
            send(.bye)
        case .refused(let refused): fleet.refused(refused)
        default: break
        }
    }

    private func begin(_ welcome: Welcome, on context: ChannelHandlerContext) {
        isIn = true
        fleet.note {
            $0.joined += 1
            $0.connected += 1
        }
        let interval = TimeAmount.milliseconds(Int64(welcome.heartbeatSeconds * 1000))
        let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
        beats = context.eventLoop.scheduleRepeatedTask(initialDelay: interval, delay: interval) { _ in
            bound.value.beat()
        }
        claim()
    }

    /// A beat that moves, as a working engine's does.
    private func beat() {
        let step = Int.random(in: 0...WireLimits.steps)
        send(.beat(Beat(lease: lease, cell: cells.last?.key, step: step, steps: WireLimits.steps)))
    }

    private func claim() {
        guard plan.task != .presence else { return }
        send(.claim(Claim()))
    }

    private func take(_ grant: Grant) {
        fleet.note { $0.leases += 1 }
        lease = grant.lease
        guard plan.task == .results else {
            send(.release(Release(lease: grant.lease)))
            return claim()
        }
        cells = grant.cells.reversed()
        renderNext()
    }

    private func renderNext() {
        guard !cells.isEmpty else { return claim() }
        guard secondsPerImage > 0 else { return offer() }
        after(.microseconds(Int64(secondsPerImage * 1_000_000))) { $0.offer() }
    }

    private func offer() {
        guard let granted = cells.last, let lease else { return }
        if plan.failures > 0, Double.random(in: 0..<1) < plan.failures {
            cells.removeLast()
            fleet.note { $0.failures += 1 }
            send(.fail(Fail(lease: lease, cell: granted.key, reason: "The simulation lets it fail.")))
            return renderNext()
        }
        do {
            if image?.width != granted.cell.width || image?.height != granted.cell.height {
                image = try fleet.image(width: granted.cell.width, height: granted.cell.height)
            }
        } catch {
            return fleet.failed(because: "\(error)")
        }
        file = image?.file(for: granted.key) ?? []
        let timings = Timings(encode: 0, denoise: secondsPerImage, decode: 0, png: 0)
        let sha256 = Hexadecimal.encode(SHA256.hash(data: file))
        send(.offer(Offer(lease: lease, cell: granted.key, sha256: sha256, bytes: file.count, timings: timings)))
    }

    private func upload() {
        for start in stride(from: 0, to: file.count, by: WireLimits.chunkBytes) {
            let end = min(start + WireLimits.chunkBytes, file.count)
            context?.write(NIOAny(WorkerMessage.chunk(Array(file[start..<end]))), promise: nil)
        }
        context?.flush()
    }

    private func acknowledged(_ ack: Ack) {
        guard ack.cell == cells.last?.key else { return }
        let bytes = file.count
        fleet.note { count in
            if ack.outcome == .stored {
                count.images += 1
                count.bytes += bytes
            } else {
                count.others += 1
            }
        }
        guard ack.outcome != .later else { return after(.seconds(1)) { $0.offer() } }
        cells.removeLast()
        renderNext()
    }

    private func send(_ message: WorkerMessage) {
        context?.writeAndFlush(NIOAny(message), promise: nil)
    }

    private func after(_ wait: TimeAmount, _ body: @escaping @Sendable (LoadWorker) -> Void) {
        guard let loop = context?.eventLoop else { return }
        let bound = NIOLoopBound(self, eventLoop: loop)
        loop.scheduleTask(in: wait) { body(bound.value) }
    }
}
