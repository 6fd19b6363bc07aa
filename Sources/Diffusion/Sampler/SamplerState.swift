/// What a run of a sampler remembers from evaluation to evaluation.
package struct SamplerState: Sendable {
    var anchor: [Float] = []
    /// The newest first.
    private var memory: [[Float]] = []

    /// What an evaluation adds to it.
    struct Known {
        let latents: [Float]
        let prediction: [Float]
        let noise: [Float]
    }

    enum Source: Equatable, Sendable {
        case latents
        case prediction
        case anchor
        case noise
        case memory(Int)
    }

    struct Term: Equatable, Sendable {
        let source: Source
        let weight: Float
    }

    /// The terms of a combination that count.
    static func terms(_ combination: Combination) -> [Term] {
        let terms =
            [
                Term(source: .latents, weight: combination.latentsWeight),
                Term(source: .prediction, weight: combination.predictionWeight),
                Term(source: .anchor, weight: combination.anchorWeight),
                Term(source: .noise, weight: combination.noiseWeight),
            ] + (0..<Combination.memoryCount).map { Term(source: .memory($0), weight: combination.memoryWeight($0)) }
        return terms.filter { $0.weight != 0 }
    }

    /// Adds the terms up, element by element and in their order.
    func sum(_ terms: [Term], _ known: Known) -> [Float] {
        var sum = [Float](repeating: 0, count: known.latents.count)
        for term in terms {
            let values = values(term.source, known)
            precondition(values.count == sum.count, "a run's latents must not change their length")
            for index in sum.indices { sum[index] += values[index] * term.weight }
        }
        return sum
    }

    mutating func remember(_ values: [Float]) {
        memory.insert(values, at: 0)
        if memory.count > Combination.memoryCount { memory.removeLast() }
    }

    private func values(_ source: Source, _ known: Known) -> [Float] {
        switch source {
        case .latents: known.latents
        case .prediction: known.prediction
        case .anchor: anchor
        case .noise: known.noise
        case .memory(let age): memory[age]
        }
    }
}
