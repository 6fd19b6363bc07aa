/// How a sweep stands: what `status --json` prints and a report frame carries.
///
/// The keys are a contract with scripts: what is not known is written as null, never left out.
package struct SweepStatus: Codable, Equatable, Sendable {
    /// What the sweep is doing.
    package enum State: String, Codable, Sendable {
        /// A coordinator serves it.
        case running
        /// A coordinator serves it and grants nothing until it is resumed by a person.
        case paused
        /// A coordinator serves it and grants nothing more: it ends when the workers have delivered.
        case draining
        /// A coordinator serves it and grants nothing until its disk has room again.
        case diskFull = "disk-full"
        /// Cells are undone and no coordinator serves it.
        case stopped
        /// No cell is pending or leased.
        case done
    }

    /// A worker and what it does.
    package struct Worker: Codable, Equatable, Sendable {
        package enum State: String, Codable, Sendable {
            /// Connected, holding a lease.
            case working
            /// Connected, without a lease.
            case idle
            /// Connected, and granted nothing because it fails where others succeed.
            case quarantined
            /// Connected, but silent for 15 s; after 30 s its leases expire. Only a live coordinator knows.
            case suspect
            /// Not connected.
            case away
        }

        /// How far a worker is with what it renders now, as its last heartbeat told.
        package struct Rendering: Codable, Equatable, Sendable {
            /// The first position that shows the cell, or the first of the cells that are rendered together.
            package var position: Int
            /// Steps of the sampler that are done.
            package var step: Int
            package var steps: Int
            /// Number of the worker's last preview, if that is one of this cell: another number is another picture.
            package var preview: Int?

            package init(position: Int, step: Int, steps: Int, preview: Int? = nil) {
                self.position = position
                self.step = step
                self.steps = steps
                self.preview = preview
            }
        }

        package var name: String
        package var device: String
        package var state: State
        /// Images that it delivered.
        package var done: Int
        /// Mean of its images' time of rendering; `nil` before the first.
        package var secondsPerImage: Double?
        /// Why it is granted nothing; `nil` when it may have cells.
        package var note: String?
        /// `nil` while it renders nothing, and for those who read the directory alone: only a live coordinator knows.
        package var rendering: Rendering?

        package init(
            name: String, device: String, state: State, done: Int, secondsPerImage: Double?, note: String? = nil,
            rendering: Rendering? = nil
        ) {
            self.name = name
            self.device = device
            self.state = state
            self.done = done
            self.secondsPerImage = secondsPerImage
            self.note = note
            self.rendering = rendering
        }
    }

    /// A cell that was given up, and why.
    package struct Failure: Codable, Equatable, Sendable {
        package var cell: CellKey
        /// The first position that shows the cell.
        package var position: Int
        package var reason: String

        package init(cell: CellKey, position: Int, reason: String) {
            self.cell = cell
            self.position = position
            self.reason = reason
        }
    }

    package var sweep: String
    package var state: State
    /// A sentence for people when something needs them: the disk is full, no worker is there.
    package var message: String?
    package var positions: Int
    /// Distinct cells.
    package var cells: Int
    package var done: Int
    package var failed: Int
    package var leased: Int
    package var pending: Int
    /// Those of the leased and the pending that somebody wants first; `nil` from a coordinator that has no priorities.
    package var prioritised: Int?
    /// Images of the last minutes; `nil` while nothing is known.
    package var imagesPerMinute: Double?
    /// Time that the cells still undone take at that rate; `nil` while nothing is known.
    package var etaSeconds: Double?
    package var workers: [Worker]
    /// The first failures; ``failed`` counts all.
    package var failures: [Failure]

    package init(
        sweep: String, state: State, message: String?, positions: Int, cells: Int, done: Int, failed: Int, leased: Int,
        pending: Int, prioritised: Int?, imagesPerMinute: Double?, etaSeconds: Double?, workers: [Worker],
        failures: [Failure]
    ) {
        self.sweep = sweep
        self.state = state
        self.message = message
        self.positions = positions
        self.cells = cells
        self.done = done
        self.failed = failed
        self.leased = leased
        self.pending = pending
        self.prioritised = prioritised
        self.imagesPerMinute = imagesPerMinute
        self.etaSeconds = etaSeconds
        self.workers = workers
        self.failures = failures
    }
}

extension SweepStatus {
    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(sweep, forKey: .sweep)
        try container.encode(state, forKey: .state)
        try container.encode(message, forKey: .message)
        try container.encode(positions, forKey: .positions)
        try container.encode(cells, forKey: .cells)
        try container.encode(done, forKey: .done)
        try container.encode(failed, forKey: .failed)
        try container.encode(leased, forKey: .leased)
        try container.encode(pending, forKey: .pending)
        try container.encode(prioritised, forKey: .prioritised)
        try container.encode(imagesPerMinute, forKey: .imagesPerMinute)
        try container.encode(etaSeconds, forKey: .etaSeconds)
        try container.encode(workers, forKey: .workers)
        try container.encode(failures, forKey: .failures)
    }
}

extension SweepStatus.Worker {
    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(name, forKey: .name)
        try container.encode(device, forKey: .device)
        try container.encode(state, forKey: .state)
        try container.encode(done, forKey: .done)
        try container.encode(secondsPerImage, forKey: .secondsPerImage)
        try container.encode(note, forKey: .note)
        try container.encode(rendering, forKey: .rendering)
    }
}

extension SweepStatus.Worker.Rendering {
    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(position, forKey: .position)
        try container.encode(step, forKey: .step)
        try container.encode(steps, forKey: .steps)
        try container.encode(preview, forKey: .preview)
    }
}
