#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// A thread with a model on a device of its own, which takes batches of cells from noise to pictures.
///
/// What belongs to the device lives and dies on the thread, as oneDNN wants it: its scratch memory is the thread's. All pictures
/// of a lane are of one size, which its buffers are for.
final class Lane: Sendable {
    /// A batch, and whom to tell how it goes.
    struct Job: Sendable {
        let indices: [Int]
        let work: SharedWork
        /// How many lanes are at work, with this one.
        let lanes: Int
        /// What they have taken through the steps, for whichever of them is free to decode it.
        let denoised: Mailbox<DenoisedCell>
        let desk: LaneDesk
    }

    private let jobs = Mailbox<Job>()
    private let thread: pthread_t

    /// `nil` when the system has no thread left for this process.
    ///
    /// - Parameter makePainter: Called on the thread, with the first job.
    init?(makePainter: @escaping @Sendable () throws -> Painter) {
        let start = Unmanaged.passRetained(Start { [jobs] in Self.work(through: jobs, makePainter: makePainter) })
        var thread = pthread_t()
        let code = pthread_create(
            &thread, nil,
            { argument in
                if let argument { Unmanaged<Start>.fromOpaque(argument).takeRetainedValue().body() }
                return nil
            }, start.toOpaque())
        guard code == 0 else {
            start.release()
            return nil
        }
        self.thread = thread
    }

    /// Waits until the device's memory is free: the next model may need it.
    deinit {
        jobs.close()
        pthread_join(thread, nil)
    }

    func take(_ job: Job) { jobs.put(job) }

    private static func work(through jobs: Mailbox<Job>, makePainter: () throws -> Painter) {
        var painter: Painter?
        while let job = jobs.next() {
            do {
                let present = try denoise(job, by: &painter, makePainter: makePainter)
                while let cell = job.denoised.next() {
                    try job.desk.take(try present.decode(cell, with: job.work, lanes: job.lanes))
                }
                job.desk.end(nil)
            } catch {
                job.desk.end(error)
            }
        }
    }

    /// Takes the job's cells through the steps.
    private static func denoise(
        _ job: Job, by painter: inout Painter?, makePainter: () throws -> Painter
    ) throws -> Painter {
        // The others do not wait for cells of a lane that has failed.
        defer { job.denoised.close() }
        let present = try painter ?? makePainter()
        painter = present
        guard let cells = try present.denoise(job.indices, with: job.work, for: job.desk, lanes: job.lanes) else {
            throw LaneDesk.Stopped()
        }
        for cell in cells { job.denoised.put(cell) }
        return present
    }
}

/// What a new thread is given.
private final class Start {
    let body: () -> Void

    init(_ body: @escaping () -> Void) {
        self.body = body
    }
}
