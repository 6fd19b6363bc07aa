import Foundation

/// A thread with a model on a device of its own, which takes batches of cells from noise to pictures.
///
/// What belongs to the device lives and dies on the thread, as oneDNN wants it: its scratch memory is the thread's.
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
    private let end = Mailbox<Never>()

    /// - Parameter makePainter: Called on the thread, with the first job.
    init(makePainter: @escaping @Sendable () throws -> Painter) {
        let thread = Thread { [jobs, end] in
            Self.work(through: jobs, makePainter: makePainter)
            end.close()
        }
        thread.name = "lane"
        thread.start()
    }

    /// Waits until the device's memory is free: the next model may need it.
    deinit {
        jobs.close()
        _ = end.next()
    }

    func take(_ job: Job) { jobs.put(job) }

    private static func work(through jobs: Mailbox<Job>, makePainter: () throws -> Painter) {
        var painter: Painter?
        var size: [Int] = []
        /// Takes the job's cells through the steps.
        func denoise(_ job: Job) throws -> Painter {
            // The others do not wait for cells of a lane that has failed.
            defer { job.denoised.close() }
            let present = try painter ?? makePainter()
            painter = present
            let (row, before) = (job.work.row, size)
            size = [row.width, row.height]
            if size != before { present.trim() }
            let cells = try present.denoise(job.indices, with: job.work, for: job.desk, lanes: job.lanes)
            for cell in cells ?? [] { job.denoised.put(cell) }
            return present
        }
        while let job = jobs.next() {
            do {
                let painter = try denoise(job)
                while let cell = job.denoised.next() {
                    try job.desk.take(try painter.decode(cell, with: job.work, lanes: job.lanes))
                }
                job.desk.end(nil)
            } catch {
                painter?.trim()
                job.desk.end(error)
            }
        }
    }
}
