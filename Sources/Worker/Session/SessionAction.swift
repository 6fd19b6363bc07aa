import SharedModel

/// What the session wants done; whoever drives it does exactly that, in this order.
enum SessionAction: Equatable, Sendable {
    /// Open a connection; answered by `connected` or `connectionClosed`.
    case connect(host: String, port: Int)
    /// Close the connection; answered by `connectionClosed`.
    case close
    case send(WorkerMessage)
    /// Send a preview, unless something else waits to be sent.
    case show(Preview)
    /// Call `timerFired` after this long, instead of an earlier wish for the same timer.
    case schedule(SessionTimer, after: Duration)
    case cancel(SessionTimer)
    /// Render a grant's cells but for those skipped; answered by reports.
    case render(Grant, sweep: String, skipping: Set<CellKey>)
    /// Stop rendering a lease at the next step.
    case loseRendering(LeaseID)
    /// Finish the images that are being rendered and begin no others.
    case windDownRendering
    /// Stop rendering at the next step.
    case abortRendering
    /// Read an image from the spool; answered by `loaded` or `unreadable`.
    case load(SpoolEntry)
    /// Send the chunks of the image loaded last, after the bytes that the coordinator has; answered by `sent`.
    case upload(CellKey, offset: Int)
    case stopUpload
    /// Delete an image from the spool.
    case delete(SpoolEntry)
    case tell(WorkerEvent)
    /// The session is over.
    case end(SessionEnding)
}

enum SessionTimer: Hashable, Sendable {
    /// The next attempt to connect.
    case reconnect
    /// The coordinator's answer to a hello is overdue.
    case welcome
    case beat
    /// A shard may be asked for again.
    case claim
    /// Images may be offered again.
    case offer
    /// A drained worker has tried for long enough to reach a coordinator that is away.
    case delivery
    /// The coordinator had the time to close the connection after a bye.
    case farewell
    /// A graceful end takes too long.
    case patience
}

enum SessionEnding: Equatable, Sendable {
    /// The coordinator has nothing more to grant and everything is delivered, or the worker was asked to stop.
    case done
    case failed(WorkerError)
}
