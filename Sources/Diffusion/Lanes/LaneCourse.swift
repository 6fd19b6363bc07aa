/// How lanes come along with a batch: what their audience hears of it, and what they hear in turn.
struct LaneCourse {
    /// Lanes that have not ended.
    private(set) var atWork: Int
    private(set) var goesOn = true
    /// Cells whose images the audience has.
    private(set) var taken: Set<Int> = []
    /// The first error of a lane.
    private(set) var failure: (any Error)?
    /// The first error of the audience.
    private(set) var refusal: (any Error)?
    /// The last evaluation of each lane, and the one that the audience has heard of.
    private var evaluations: [Int]
    private var told: Int

    /// - Parameters:
    ///   - lanes: How many are at work.
    ///   - start: The batch's first evaluation.
    init(lanes: Int, start: Int) {
        atWork = lanes
        evaluations = Array(repeating: start - 1, count: lanes)
        told = start - 1
    }

    /// Tells the audience what is news to it: an evaluation is done when the last of the lanes has done it.
    ///
    /// - Returns: What the lane waits to hear.
    mutating func note(_ event: LaneDesk.Event, of lane: Int, for audience: any PaintAudience) -> Bool? {
        switch event {
        case .previewWanted: return goesOn && audience.wantsPreview()
        case .evaluated(let evaluation, let latents):
            evaluations[lane] = evaluation
            let common = max(evaluations.min() ?? evaluation, told)
            guard goesOn, common > told || latents != nil else { return goesOn }
            told = common
            attempt { try audience.goesOn(after: common, showing: latents) }
            return goesOn
        case .image(let image):
            guard goesOn else { return false }
            attempt {
                try audience.take(image)
                return true
            }
            if goesOn { taken.insert(image.index) }
            return goesOn
        case .ended(let error):
            atWork -= 1
            // A lane that has ended holds up nobody's progress.
            evaluations[lane] = .max
            if let error, !(error is LaneDesk.Stopped), failure == nil { failure = error }
            return nil
        }
    }

    /// What the audience does not want, and where it fails, ends the batch on all lanes.
    private mutating func attempt(_ tell: () throws -> Bool) {
        do {
            goesOn = try tell()
        } catch {
            refusal = refusal ?? error
            goesOn = false
        }
    }
}
