import Logging
import SharedModel

/// What workers say.
extension Dispatcher {
    /// What a hello comes to.
    enum Admission: Equatable, Sendable {
        case welcome(Welcome)
        case refused(Refused)
    }

    /// What an offer comes to.
    enum Judgement: Equatable, Sendable {
        case send(WorkSize)
        case acknowledge(Ack)
    }

    /// Lets a worker in whose secret is that of `token`.
    func admit(_ hello: Hello, with token: TokenRecord, on connection: any WorkerLine) async -> Admission {
        arrives(hello.identity)
        let admission = await lookAt(hello, with: token, on: connection)
        await arrived(hello.identity)
        return admission
    }

    private func lookAt(_ hello: Hello, with token: TokenRecord, on connection: any WorkerLine) async -> Admission {
        guard !conduct.isShuttingDown else {
            return .refused(Refused(reason: "The coordinator is shutting down.", isFinal: false))
        }
        // Who comes back takes his own place.
        guard guests.count < settings.mostWorkers || guests.values.contains(where: { $0.identity == hello.identity })
        else {
            let reason = "The coordinator takes no more than \(settings.mostWorkers) workers; this one may try again."
            return .refused(Refused(reason: reason, isFinal: false))
        }
        let name: String
        let misfits = fitness.misfits(of: hello.able)
        do {
            switch try await store.register(hello, with: token, misfits: misfits) {
            case .registered(let free): name = free
            case .expired(let date):
                let reason = "The join token “\(token.name)” lets nobody new in since \(Timestamp.text(date)); "
                return .refused(Refused(reason: reason + "ask for a new one.", isFinal: true))
            case .usedUp(let uses):
                let reason = "The join token “\(token.name)” has let in \(uses) workers, as many as it may; "
                return .refused(Refused(reason: reason + "ask for a new one.", isFinal: true))
            }
        } catch {
            await storageFailed(error)
            return .refused(Refused(reason: "The coordinator can't write its database now.", isFinal: false))
        }
        // A hello may be overtaken, on its way or while the database is asked.
        guard !book.isOutdated(connection.id, of: hello.identity) else {
            // The newer connection may be gone as well.
            await departs(hello.identity, why: "it has come back on a newer connection")
            return .refused(Refused(reason: "This worker has come back on a newer connection.", isFinal: false))
        }
        let joined = book.joined(hello.identity, on: connection.id, naming: hello.leases, now: surroundings.now())
        if let old = joined.superseded { guests.removeValue(forKey: old)?.connection.cut() }
        let granted = lives.joined(hello.identity, life: hello.life)
        conduct.joined(hello.identity)
        fitness.joined(hello.identity, able: hello.able)
        // The needs may have become known meanwhile.
        if fitness.misfits(of: hello.identity) != misfits { unfitted.insert(hello.identity) }
        guests[connection.id] = Guest(
            connection: connection, identity: hello.identity, name: name, token: token.sha256)
        await write(joined.ended)
        await absolve(hello, of: granted, but: joined.kept)
        logger.info("worker joined", metadata: ["worker": "\(name)", "address": "\(connection.address)"])
        events.yield(.workerJoined(name: name, device: hello.device))
        await writeMisfits()
        await lookForUnrenderable()
        return .welcome(
            Welcome(
                version: WireLimits.protocolVersion, program: settings.program, sweep: sweep, name: name,
                heartbeatSeconds: settings.heartbeatSeconds, leases: joined.kept))
    }

    /// A worker that names a lease which has ended, or whose process got it, was only not heard of: its cells killed nobody.
    private func absolve(_ hello: Hello, of granted: [LeaseID], but kept: [LeaseID]) async {
        let ended = Set(hello.leases + granted).subtracting(kept).sorted { $0.hex < $1.hex }
        await absolve(ended, of: hello.identity)
    }

    /// Answers a claim.
    func claim(_ identity: String, on connection: LeaseBook.ConnectionID) async throws -> CoordinatorMessage {
        if let reason = conduct.drainReason { return .drain(Drain(reason: reason)) }
        if let reason = conduct.reasonToWait { return idle(reason) }
        if unfitted.contains(identity) || fitness.mustWait(identity, now: surroundings.now()) {
            return .idle(Idle(reason: "The coordinator looks up what the models need.", retrySeconds: 0.1))
        }
        let grant: Grant?
        do {
            switch book.allowance(for: identity, pending: pending, now: surroundings.now()) {
            case .nothing(let reason): return idle(reason)
            case .cells(let limit):
                let size = settings.adaptsShares ? limit : WireLimits.grantedCells
                grant = try await grantCells(to: identity, limit: size)
            }
            if grant == nil, let reason = try await store.hopelessness(of: identity) {
                return .drain(
                    Drain(reason: "This worker can render none of the cells that are left. \(reason)", isUnfit: true))
            }
        } catch {
            await storageFailed(error)
            return idle("The coordinator can't write its database now.")
        }
        guard var grant, let cell = grant.cells.first?.cell else {
            return idle("Every cell is done or left to another worker.")
        }
        pending = max(0, pending - grant.cells.count)
        grant.preview = previewFile
        let size = WorkSize(width: cell.width, height: cell.height, steps: cell.steps)
        lives.granted(grant.lease, to: identity)
        let ended = book.granted(grant.lease, to: identity, on: connection, of: size, now: surroundings.now())
        if let ended {
            await write([ended])
            throw CoordinatorError.connection("the worker came back on another one")
        }
        events.yield(.granted(worker: name(of: identity), shard: grant.shard, cells: grant.cells.count))
        return .grant(grant)
    }

    /// Pending cells, or near the end a copy of what another worker is slow with.
    private func grantCells(to identity: String, limit: Int) async throws -> Grant? {
        let hasCompany = book.hasCompany(identity)
        let grant = try await store.claim(
            lease: surroundings.makeLease(), identity: identity, hasCompany: hasCompany, limit: limit)
        guard grant == nil, hasCompany, settings.copiesSlowLeases, book.leases(of: identity).isEmpty else {
            return grant
        }
        let tail = try await store.tail(for: identity)
        guard let slow = book.slowest(of: tail, for: identity, now: surroundings.now()) else { return nil }
        return try await store.copy(slow, as: surroundings.makeLease(), for: identity)
    }

    private func idle(_ reason: String) -> CoordinatorMessage {
        .idle(Idle(reason: reason, retrySeconds: settings.retrySeconds))
    }

    func beat(_ beat: Beat, from identity: String) -> BeatReply {
        BeatReply(lost: book.beat(beat, from: identity, now: surroundings.now()))
    }

    /// Judges an offer; an image that is wanted must also fit on the disk.
    func judge(_ offer: Offer, from identity: String) async -> Judgement {
        do {
            switch try await store.judge(offer, from: identity) {
            case .duplicate:
                return .acknowledge(Ack(cell: offer.cell, outcome: .duplicate, reason: ""))
            case .refused(let reason):
                return .acknowledge(Ack(cell: offer.cell, outcome: .refused, reason: reason))
            case .wanted(let size):
                let longest = WireLimits.imageBytes(width: size.width, height: size.height)
                guard offer.bytes <= longest else {
                    let reason = "An image of this size has at most \(longest) bytes, not \(offer.bytes)."
                    return .acknowledge(Ack(cell: offer.cell, outcome: .refused, reason: reason))
                }
                guard let reason = conduct.reasonToOfferLater else { return .send(size) }
                return .acknowledge(Ack(cell: offer.cell, outcome: .later, reason: reason))
            }
        } catch {
            return .acknowledge(await postpone(offer, because: error))
        }
    }

    /// Commits an image that is on the disk.
    func commit(_ offer: Offer, of size: WorkSize, from identity: String, uploadSeconds: Double) async -> Ack {
        do {
            let result = try await store.commit(offer, from: identity, uploadSeconds: uploadSeconds)
            // Whoever has finished it has another picture of it.
            forgetPreview(of: offer.cell)
            switch result {
            case .stored(let position, let ended):
                let timings = offer.timings
                let seconds = timings.encode + timings.denoise + timings.decode + timings.png
                book.delivered(seconds, of: size, from: identity, now: surroundings.now())
                book.finished(ended)
                events.yield(
                    .stored(cell: offer.cell, position: position, worker: name(of: identity), seconds: seconds))
                await endIfDone()
                return Ack(cell: offer.cell, outcome: .stored, reason: "")
            case .duplicate:
                return Ack(cell: offer.cell, outcome: .duplicate, reason: "")
            case .refused(let reason):
                return Ack(cell: offer.cell, outcome: .refused, reason: reason)
            }
        } catch {
            return await postpone(offer, because: error)
        }
    }

    /// Keeps an image for later because the disk or the database failed.
    func postpone(_ offer: Offer, because error: any Error) async -> Ack {
        await storageFailed(error)
        return Ack(
            cell: offer.cell, outcome: .later, reason: conduct.diskProblem ?? "The coordinator can't store it now.")
    }

    func failed(_ fail: Fail, from identity: String) async {
        do {
            let (parked, ended) = try await store.fail(fail, from: identity)
            book.failed(identity, now: surroundings.now())
            book.finished(ended)
            logger.warning(
                "a worker failed a cell",
                metadata: [
                    "cell": "\(fail.cell)", "worker": "\(name(of: identity))", "reason": "\(fail.reason)",
                    "parked": "\(parked != nil)",
                ])
            guard let position = parked else { return }
            events.yield(.failed(cell: fail.cell, position: position, reason: fail.reason))
            await endIfDone()
        } catch {
            untold.append((fail, identity))
            await storageFailed(error)
        }
    }

    func released(_ release: Release, by identity: String) async {
        if let reason = release.unable {
            do {
                try await store.cannotRender(release.lease, identity: identity, reason: reason)
            } catch {
                await storageFailed(error)
            }
        }
        guard book.leases(of: identity).contains(release.lease) else { return }
        book.finished([release.lease])
        let reason = release.unable ?? "the worker gave it back"
        await write([LeaseBook.Ended(lease: release.lease, ending: .released, blamed: nil, reason: reason)])
    }

    func left(_ connection: any WorkerLine, identity: String, saidGoodbye: Bool, why: String) async {
        guard let guest = guests.removeValue(forKey: connection.id) else { return }
        let ended = book.left(identity, on: connection.id, saidGoodbye: saidGoodbye, now: surroundings.now())
        await write(ended)
        logger.info("worker left", metadata: ["worker": "\(guest.name)", "why": "\(why)"])
        events.yield(.workerLeft(name: guest.name))
        let isBack = guests.values.contains { $0.identity == identity }
        if !isBack { conduct.left(identity, saidGoodbye: saidGoodbye, now: surroundings.now()) }
        await departs(identity, why: why)
        endIfDrained()
    }
}
