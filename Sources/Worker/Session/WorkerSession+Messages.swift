import SharedModel

/// What the coordinator says.
extension WorkerSession {
    mutating func received(_ message: CoordinatorMessage) -> [SessionAction] {
        unansweredBeats = 0
        switch (connection, message) {
        case (.greeting, .welcome(let welcome)): return welcomed(welcome)
        case (.greeting, .refused(let refused)), (.ready, .refused(let refused)): return wasRefused(refused)
        case (.ready, .grant(let grant)): return granted(grant)
        case (.ready, .idle(let idle)): return told(idle)
        case (.ready, .beatReply(let reply)): return lose(reply.lost) + goOn()
        case (.ready, .send(let send)): return asked(for: send)
        case (.ready, .ack(let ack)): return answered(ack)
        case (.ready, .drain(let drain)): return drained(drain)
        case (.leaving, _), (.over, _), (.none, _): return []
        case (.connecting, _), (.greeting, _), (.ready, .welcome), (.ready, .report), (.ready, .model),
            (.ready, .piece):
            return close(because: "The coordinator said something that does not fit; it may be another version.")
        }
    }

    private mutating func welcomed(_ welcome: Welcome) -> [SessionAction] {
        guard welcome.version == WireLimits.protocolVersion else {
            let reason =
                "it speaks version \(welcome.version) of the protocol, this worker \(WireLimits.protocolVersion); "
                + "use the same tmdne on both hosts."
            return end(with: .refused(reason: reason)) + [.close]
        }
        // The bounds keep a strange coordinator from silence and from a flood alike.
        let heartbeat = Duration.seconds(min(max(welcome.heartbeatSeconds, 0.05), 60))
        connection = .ready(heartbeat: heartbeat)
        hasJoined = true
        sweep = welcome.sweep
        backoff.reset()
        hostIndex -= 1
        isDraining = false
        isDeliveryLimited = false
        let lost = Set(leases.live).subtracting(welcome.leases)
        var actions: [SessionAction] = [
            .cancel(.welcome), .cancel(.delivery), .tell(.joined(sweep: welcome.sweep, name: welcome.name)),
            .schedule(.beat, after: heartbeat),
        ]
        actions += lose(leases.live.filter(lost.contains))
        for failure in failures {
            actions.append(.send(.fail(failure)))
            leases.told(failure.cell, isDone: true)
        }
        failures = []
        return actions + goOn()
    }

    private mutating func wasRefused(_ refused: Refused) -> [SessionAction] {
        guard refused.isFinal else { return close(because: "The coordinator refused this worker: \(refused.reason)") }
        return end(with: .refused(reason: refused.reason)) + [.close]
    }

    private mutating func granted(_ grant: Grant) -> [SessionAction] {
        guard isClaiming else { return close(because: "The coordinator granted a shard that was not asked for.") }
        isClaiming = false
        if isStopping || failure != nil { return [.send(.release(Release(lease: grant.lease)))] + goOn() }
        leases.add(grant)
        return [.tell(.granted(grant.lease, shard: grant.shard, cells: grant.cells.count))] + goOn()
    }

    private mutating func told(_ idle: Idle) -> [SessionAction] {
        guard isClaiming else { return [] }
        isClaiming = false
        // The floor keeps two programs from asking each other as fast as they can.
        let wait = Duration.seconds(max(idle.retrySeconds, 0.05))
        return [.tell(.idle(reason: idle.reason))] + pauseClaims(for: wait) + goOn()
    }

    private mutating func drained(_ drain: Drain) -> [SessionAction] {
        isClaiming = false
        guard !isDraining else { return goOn() }
        isDraining = true
        if drain.isUnfit == true, !hasDelivered { hostProblem = hostProblem ?? .unfit(reason: drain.reason) }
        return [.tell(.ending(reason: drain.reason))] + goOn()
    }

    private mutating func lose(_ lost: [LeaseID]) -> [SessionAction] {
        let known = Set(leases.live)
        let rendering = Set(leases.lose(lost))
        return lost.filter(known.contains).flatMap { lease -> [SessionAction] in
            (rendering.contains(lease) ? [.loseRendering(lease)] : []) + [.tell(.lost(lease))]
        }
    }

    private mutating func asked(for send: Send) -> [SessionAction] {
        guard let entry = deliveries.move(send.cell, from: .offered, to: .sending), send.offset < entry.bytes else {
            return close(because: "The coordinator asked for an image that was not offered.")
        }
        return [.upload(send.cell, offset: send.offset)]
    }

    private mutating func answered(_ ack: Ack) -> [SessionAction] {
        let wasSending = deliveries.isSending(ack.cell)
        guard let entry = deliveries.answered(ack.cell) else { return [] }
        var actions: [SessionAction] = wasSending ? [.stopUpload] : []
        actions.append(.tell(.delivered(ack.cell, ack.outcome, reason: ack.reason)))
        switch ack.outcome {
        case .stored:
            (hostProblem, unableInARow, hasDelivered) = (nil, 0, true)
            leases.told(ack.cell, isDone: true)
            actions.append(.delete(entry))
        case .duplicate:
            leases.wasDoneElsewhere(ack.cell)
            actions.append(.delete(entry))
        case .refused:
            actions += [.delete(entry)] + refused(entry, because: ack.reason)
        case .later:
            deliveries.add(entry)
            deliveries.isPaused = true
            actions.append(.schedule(.offer, after: configuration.offerPause))
        }
        return actions + goOn()
    }

    private mutating func refused(_ entry: SpoolEntry, because reason: String) -> [SessionAction] {
        if let holder = leases.holder(of: entry.cell), holder != entry.lease {
            // An image of an earlier lease says nothing about the cell; one rendered under the present lease will.
            leases.told(entry.cell, isDone: false)
            return []
        }
        // Whatever is wrong with it, another rendering would end the same way, and so on for ever.
        return fail(entry.cell, under: entry.lease, "The coordinator refused the image: \(reason)")
    }
}
