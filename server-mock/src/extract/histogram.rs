//! Exponential buckets to explicit ones.

use opentelemetry_proto::tonic::metrics::v1::ExponentialHistogramDataPoint;
use opentelemetry_proto::tonic::metrics::v1::exponential_histogram_data_point::Buckets;

/// Bounds, and counts.
type Range = (Vec<f64>, Vec<u64>);

/// Bounds and counts, the lowest first. The error is why there are none: a bound is beyond any number.
///
/// Bucket `i` of the positive range holds what is greater than `base^i` and at most `base^(i + 1)`, with
/// `base = 2^(2^-scale)`; the negative range is its mirror image, and what is near zero lies between the two
/// (see <https://opentelemetry.io/docs/specs/otel/metrics/data-model/#exponentialhistogram>).
pub(super) fn explicit(point: &ExponentialHistogramDataPoint) -> Result<Range, String> {
    let negative = range(point.negative.as_ref(), point.scale)?;
    let positive = range(point.positive.as_ref(), point.scale)?;
    let mut bounds = Vec::new();
    let mut counts = Vec::new();
    // Below the lowest bound, and above the highest, there is nothing.
    if let Some((below, found)) = &negative {
        counts.push(0);
        bounds.extend(below.iter().rev().map(|bound| -bound));
        counts.extend(found.iter().rev());
    }
    counts.push(point.zero_count);
    if let Some((above, found)) = &positive {
        bounds.extend(above);
        counts.extend(found);
        counts.push(0);
    }
    Ok((bounds, counts))
}

/// The bounds of a range, one more than its buckets. Nothing is there when it has no buckets.
fn range(buckets: Option<&Buckets>, scale: i32) -> Result<Option<Range>, String> {
    let Some(buckets) = buckets.filter(|buckets| !buckets.bucket_counts.is_empty()) else {
        return Ok(None);
    };
    let width = (-f64::from(scale)).exp2();
    let first = f64::from(buckets.offset);
    let exponents = (0..=buckets.bucket_counts.len()).scan(first, |next, _| {
        let exponent = *next;
        *next += 1.0;
        Some(exponent)
    });
    let bounds: Vec<_> = exponents
        .map(|exponent| (exponent * width).exp2())
        .collect();
    let usable = bounds.iter().all(|bound| bound.is_finite())
        && bounds.is_sorted_by(|bound, next| bound < next);
    if !usable {
        return Err("exponential buckets beyond any number".to_owned());
    }
    Ok(Some((bounds, buckets.bucket_counts.clone())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn buckets(offset: i32, counts: &[u64]) -> Buckets {
        Buckets {
            offset,
            bucket_counts: counts.to_vec(),
        }
    }

    #[test]
    fn bounds_are_powers_of_the_base() {
        for (scale, positive, negative, bounds, counts) in [
            (
                0,
                Some(buckets(1, &[3, 4])),
                None,
                vec![2.0, 4.0, 8.0],
                vec![9, 3, 4, 0],
            ),
            (
                -1,
                Some(buckets(-1, &[1, 2])),
                None,
                vec![0.25, 1.0, 4.0],
                vec![9, 1, 2, 0],
            ),
            (
                0,
                Some(buckets(0, &[5])),
                Some(buckets(0, &[6, 7])),
                vec![-4.0, -2.0, -1.0, 1.0, 2.0],
                vec![0, 7, 6, 9, 5, 0],
            ),
            (3, None, Some(buckets(0, &[])), vec![], vec![9]),
        ] {
            let point = ExponentialHistogramDataPoint {
                scale,
                positive,
                negative,
                zero_count: 9,
                ..ExponentialHistogramDataPoint::default()
            };
            assert_eq!(explicit(&point), Ok((bounds, counts)));
        }
    }

    #[test]
    fn hostile_scales_and_offsets_have_no_bounds() {
        for (scale, offset) in [(-2_000, 1), (0, i32::MAX), (2_000, 1), (i32::MIN, 0)] {
            let point = ExponentialHistogramDataPoint {
                scale,
                positive: Some(buckets(offset, &[1, 1])),
                ..ExponentialHistogramDataPoint::default()
            };
            assert!(explicit(&point).is_err(), "{scale} {offset}");
        }
    }
}
