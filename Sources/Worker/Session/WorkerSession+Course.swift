import SharedModel

/// What time and people say, and what follows from everything.
extension WorkerSession {
    /// - Parameters:
    ///   - timer: Which one.
    ///   - beat: What the engine does now.
    /// - Returns: What to do.
    mutating func timerFired(_ timer: SessionTimer, beat: Beat) -> [SessionAction] {
        switch (timer, connection) {
        case (_, .over): return []
        case (.reconnect, .none): return connect()
        case (.welcome, .greeting): return close(because: "The coordinator did not answer.")
        case (.beat, .ready(let heartbeat)):
            let limit = max(2, configuration.silenceLimit / heartbeat)
            guard Double(unansweredBeats) < limit else { return close(because: "The coordinator fell silent.") }
            unansweredBeats += 1
            return [.send(.beat(beat)), .schedule(.beat, after: heartbeat)]
        case (.claim, _):
            isClaimPaused = false
            return goOn()
        case (.offer, _):
            deliveries.isPaused = false
            return goOn()
        case (.delivery, .none), (.delivery, .connecting), (.delivery, .greeting): return giveUpDelivery()
        case (.farewell, .leaving): return end() + [.close]
        case (.patience, _): return abort()
        default: return []
        }
    }

    /// Finishes the images that are being rendered, delivers what is finished, gives back the rest and ends.
    mutating func stop() -> [SessionAction] {
        guard !isStopping else { return [] }
        isStopping = true
        leases.dropQueued()
        return [
            .tell(.ending(reason: "The worker was asked to stop.")), .windDownRendering,
            .schedule(.patience, after: configuration.patience),
        ] + goOn()
    }

    /// Ends now; what is finished stays in the spool for the next start.
    mutating func abort() -> [SessionAction] {
        var actions: [SessionAction] = [.abortRendering]
        if case .ready = connection { actions.append(.send(.bye)) }
        return actions + end() + [.close]
    }

    /// Does whatever can be done now: gives back, renders, offers, claims, ends.
    mutating func goOn() -> [SessionAction] {
        if case .over = connection { return [] }
        if case .leaving = connection { return [] }
        var actions: [SessionAction] = []
        if !isStopping, failure == nil, let next = leases.beginNext(spooled: deliveries.contains) {
            actions.append(.render(next.grant, sweep: sweep, skipping: next.skipped))
        }
        let returned = leases.settle()
        defer { for lease in returned { unable[lease] = nil } }
        if case .ready = connection {
            actions += returned.map { .send(.release(Release(lease: $0, unable: unable[$0]))) }
            if let entry = deliveries.advance() { actions.append(.load(entry)) }
        }
        if let ending = endIfDone() { return actions + ending }
        return actions + limitDelivery() + claimIfUseful()
    }

    private mutating func claimIfUseful() -> [SessionAction] {
        guard case .ready = connection, !isClaiming, !isClaimPaused, !isDraining, !isStopping, failure == nil,
            leases.leases.count < WireLimits.leases, leases.wantsAnother,
            !configuration.limits.isFull(count: deliveries.count, bytes: deliveries.bytes)
        else { return [] }
        isClaiming = true
        return [.send(.claim(Claim()))]
    }

    mutating func pauseClaims(for wait: Duration) -> [SessionAction] {
        isClaimPaused = true
        return [.schedule(.claim, after: wait)]
    }

    /// - Returns: `nil` while something is left to do.
    mutating func endIfDone() -> [SessionAction]? {
        guard isStopping || isDraining || failure != nil, leases.isIdle else { return nil }
        switch connection {
        case .ready:
            guard deliveries.count == 0, failures.isEmpty else { return nil }
            connection = .leaving
            return [.send(.bye), .cancel(.beat), .schedule(.farewell, after: configuration.farewellTimeout)]
        case .none:
            // The spool keeps what a coordinator that is away can't take, but who is drained waits for it for a while.
            guard isStopping || failure != nil || (deliveries.count == 0 && failures.isEmpty) else { return nil }
            return end()
        case .connecting, .greeting:
            guard isStopping else { return nil }
            return end() + [.close]
        case .leaving, .over:
            return nil
        }
    }

    mutating func end() -> [SessionAction] {
        end(with: failure ?? (isStopping ? nil : hostProblem))
    }

    mutating func end(with error: WorkerError?) -> [SessionAction] {
        connection = .over
        return [.end(error.map { .failed($0) } ?? .done)]
    }
}
