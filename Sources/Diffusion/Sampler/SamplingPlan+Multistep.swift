import Glibc

/// Methods that look back at earlier steps.
extension SamplingPlan {
    /// Algorithm 2 of <https://arxiv.org/abs/2211.01095>; of first order at both ends.
    func dpmpp2m() -> [Evaluation] {
        levels.indices.dropLast().map { index in
            let (level, next) = (levels[index], levels[index + 1])
            let image = denoised(at: index)
            let interval = next.logSNR - level.logSNR
            var extrapolated = image
            // The last step ends without noise, infinitely far away in λ; equal levels have no slope.
            if index > 0, next.sigma > 0 {
                let previous = level.logSNR - levels[index - 1].logSNR
                if previous > 0 {
                    extrapolated = image + (image - .memory(0)) * (interval / previous / 2)
                }
            }
            return evaluation(
                index,
                next: .latents * (next.sigma / level.sigma) - extrapolated * (next.alpha * expm1(-interval)),
                remembered: image)
        }
    }

    /// Algorithm 2 of <https://arxiv.org/abs/2211.01095> for the stochastic equation, midpoint: `sample_dpmpp_2m_sde` of
    /// k-diffusion, and `sde-dpmsolver++` of diffusers.
    func dpmpp2mSDE() -> [Evaluation] {
        stochastic { index, image, interval in
            guard index > 0 else { return .nothing }
            let previous = levels[index].logSNR - levels[index - 1].logSNR
            guard previous > 0 else { return .nothing }
            return (image - .memory(0)) * (-expm1(-interval * (1 + eta)) * interval / previous / 2)
        }
    }

    /// `sample_dpmpp_3m_sde` of k-diffusion.
    func dpmpp3mSDE() -> [Evaluation] {
        stochastic { index, image, interval in
            guard index > 0 else { return .nothing }
            let whole = interval * (1 + eta)
            let phi2 = expm1(-whole) / whole + 1
            let first = (levels[index].logSNR - levels[index - 1].logSNR) / interval
            guard first > 0 else { return .nothing }
            let slope = (image - .memory(0)) / first
            guard index > 1 else { return slope * phi2 }
            let second = (levels[index - 1].logSNR - levels[index - 2].logSNR) / interval
            guard second > 0 else { return slope * phi2 }
            let slopeBefore = (Combination.memory(0) - .memory(1)) / second
            let curvature = (slope - slopeBefore) / (first + second)
            return (slope + curvature * first) * phi2 - curvature * (phi2 / whole - 0.5)
        }
    }

    /// The step of first order that the stochastic methods share, with noise, and what makes it of higher order.
    private func stochastic(
        correction: (_ index: Int, _ image: Combination, _ interval: Double) -> Combination
    ) -> [Evaluation] {
        levels.indices.dropLast().map { index in
            let (level, next) = (levels[index], levels[index + 1])
            let image = denoised(at: index)
            guard next.sigma > 0 else { return evaluation(index, next: image * next.alpha, remembered: image) }
            let interval = next.logSNR - level.logSNR
            guard interval > 0 else {
                return evaluation(index, next: .latents, remembered: image)
            }
            let deterministic =
                .latents * (next.sigma / level.sigma * exp(-interval * eta))
                + (image * -expm1(-interval * (1 + eta)) + correction(index, image, interval)) * next.alpha
            let added = next.sigma * (-expm1(-2 * eta * interval)).squareRoot()
            return evaluation(
                index, next: deterministic + .noise * added, remembered: image, noise: noise(from: level, to: next))
        }
    }

    /// Adams-Bashforth of fourth order with uneven steps: `sample_lms` of k-diffusion.
    func lms() -> [Evaluation] {
        levels.indices.dropLast().map { index in
            let slope = levels[index].noise(denoised(at: index))
            let order = min(index + 1, 4)
            let nodes = (0..<order).map { levels[index - $0].sigma }
            let (start, end) = (levels[index].sigma, levels[index + 1].sigma)
            var next = Combination.latents
            for term in 0..<order {
                // Lagrange's polynomials are cubic at most, for which Simpson's rule is exact.
                let weight =
                    (lagrange(term, nodes, at: start) + 4 * lagrange(term, nodes, at: (start + end) / 2)
                        + lagrange(term, nodes, at: end)) * (end - start) / 6
                next = next + (term == 0 ? slope : .memory(term - 1)) * weight
            }
            return evaluation(index, next: next, remembered: slope)
        }
    }

    private func lagrange(_ term: Int, _ nodes: [Double], at place: Double) -> Double {
        nodes.indices.reduce(1.0) { product, other in
            let distance = nodes[term] - nodes[other]
            // Equal levels would divide by zero; leaving one of them out lowers the order.
            return other == term || distance == 0 ? product : product * (place - nodes[other]) / distance
        }
    }

    /// Algorithms 5 and 7 of <https://arxiv.org/abs/2302.04867>, of second order with B2(h): each evaluation first corrects
    /// the latents that led to it, then predicts the next ones.
    func unipc() -> [Evaluation] {
        let orders = (0..<count).map { index in min(2, count - index, index + 1) }
        return levels.indices.dropLast().map { index in
            let image = denoised(at: index)
            let corrected = index == 0 ? .latents : uniCorrected(index, image, order: orders[index - 1])
            let (level, next) = (levels[index], levels[index + 1])
            let interval = next.logSNR - level.logSNR
            let phi = expm1(-interval)
            var predicted = corrected * (next.sigma / level.sigma) - image * (next.alpha * phi)
            if orders[index] == 2, let slope = uniSlope(image, .memory(0), at: index, interval: interval) {
                predicted = predicted - slope * (next.alpha * phi / 2)
            }
            return evaluation(index, next: predicted, anchor: corrected, remembered: image)
        }
    }

    private func uniCorrected(_ index: Int, _ image: Combination, order: Int) -> Combination {
        let (before, level) = (levels[index - 1], levels[index])
        let interval = level.logSNR - before.logSNR
        // Equal levels leave nothing to correct.
        guard interval > 0 else { return .latents }
        let phi = expm1(-interval)
        let base = Combination.anchor * (level.sigma / before.sigma) - .memory(0) * (level.alpha * phi)
        let change = image - .memory(0)
        guard order == 2, let slope = uniSlope(.memory(0), .memory(1), at: index - 1, interval: interval) else {
            return base - change * (level.alpha * phi / 2)
        }
        let ratio = (levels[index - 2].logSNR - before.logSNR) / interval
        let first = (phi / -interval - 1) / phi
        let second = 2 * ((phi / -interval - 1) / -interval - 0.5) / phi
        let rho = (first - second) / (1 - ratio)
        return base - (slope * rho + change * (first - rho)) * (level.alpha * phi)
    }

    /// How the image changes over an interval, from the one before the step at `index`.
    private func uniSlope(
        _ image: Combination, _ imageBefore: Combination, at index: Int, interval: Double
    ) -> Combination? {
        let ratio = (levels[index - 1].logSNR - levels[index].logSNR) / interval
        return ratio < 0 ? (imageBefore - image) / ratio : nil
    }

    /// Section 3.3 of <https://arxiv.org/abs/2202.09778> with the start of latent diffusion's PLMS: the second step is taken
    /// twice, and its first evaluation makes the first step one of Heun's.
    func pndm() -> [Evaluation] {
        let interval = Double(schedule.config.trainedTimestepCount / count)
        func level(_ timestep: Double) -> NoiseLevel {
            timestep >= 0 ? NoiseLevel(alphaBar: schedule.alphaBar(at: Int(timestep))) : levels[count]
        }
        /// A step of DDIM with this in the place of the UNet's prediction.
        func step(_ from: NoiseLevel, _ to: NoiseLevel, _ mean: Combination, of latents: Combination) -> Combination {
            let noise: Combination =
                switch prediction {
                case .epsilon: mean
                case .velocity: mean * from.alpha + latents * from.sigma
                case .sample: (latents - mean * from.alpha) / from.sigma
                }
            return latents * (to.alpha / from.alpha) + noise * (to.sigma - to.alpha * from.sigma / from.alpha)
        }
        let newest = Combination.prediction
        return (0..<(count > 1 ? count + 1 : 1)).map { number in
            // Evaluations 1 and 2 are both at the second timestep.
            let index = number < 2 ? number : number - 1
            let timestep = timesteps[index]
            let (here, next) = (level(timestep), level(timestep - interval))
            func evaluation(_ next: Combination, anchor: Combination? = nil, isKept: Bool = true) -> Evaluation {
                Evaluation(
                    timestep: timestep, level: here, step: number < 2 ? 0 : index, next: next, anchor: anchor,
                    remembered: isKept ? newest : nil)
            }
            switch number {
            case 0: return evaluation(step(here, next, newest, of: .latents), anchor: .latents)
            case 1:
                let mean = (newest + .memory(0)) / 2
                return evaluation(step(level(timestep + interval), here, mean, of: .anchor), isKept: false)
            case 2:
                return evaluation(step(here, next, (newest * 3 - .memory(0)) / 2, of: .latents))
            case 3:
                let mean = (newest * 23 - .memory(0) * 16 + .memory(1) * 5) / 12
                return evaluation(step(here, next, mean, of: .latents))
            default:
                let mean = (newest * 55 - .memory(0) * 59 + .memory(1) * 37 - .memory(2) * 9) / 24
                return evaluation(step(here, next, mean, of: .latents))
            }
        }
    }
}
