//! Where work goes that would hold up the waiting ones: a pool of as many threads as cores, with a bounded queue.

use crate::problem::{ApiError, ApiResult, Kind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::oneshot;

/// Jobs waiting or running beyond which new ones are refused with 503.
const MAX_JOBS: usize = 512;

#[derive(Clone)]
pub struct Compute {
    pool: Arc<rayon::ThreadPool>,
    jobs: Arc<AtomicUsize>,
}

impl Compute {
    pub fn new(threads: usize) -> Result<Self, rayon::ThreadPoolBuildError> {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads.max(1)).thread_name(|i| format!("compute-{i}")).build()?;
        Ok(Self { pool: Arc::new(pool), jobs: Arc::default() })
    }

    /// Runs `work` on the pool. Refused when the queue is full; a job whose reader has gone is not started.
    pub async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> ApiResult<T> {
        let Some(place) = Place::take(&self.jobs) else { return Err(Kind::Busy.into()) };
        let (give, take) = oneshot::channel();
        self.pool.spawn(move || {
            let _place = place;
            if !give.is_closed() {
                let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
                let _ = give.send(done.map_err(|_| ()));
            }
        });
        match take.await {
            Ok(Ok(value)) => Ok(value),
            _ => Err(ApiError::internal("a computation panicked; the lines above say where")),
        }
    }

    /// Takes every place, so that a test sees who goes through here; they are given back when the answer is dropped.
    #[cfg(test)]
    pub fn fill(&self) -> impl Drop + use<> {
        struct Filled(Vec<Place>);
        impl Drop for Filled {
            fn drop(&mut self) {
                self.0.clear();
            }
        }
        Filled(std::iter::from_fn(|| Place::take(&self.jobs)).collect())
    }

    /// Jobs waiting or running.
    pub fn jobs(&self) -> usize {
        self.jobs.load(Ordering::Relaxed)
    }
}

/// One place in the queue, given back when the job has ended however it ended.
struct Place(Arc<AtomicUsize>);

impl Place {
    fn take(jobs: &Arc<AtomicUsize>) -> Option<Self> {
        let free = |jobs: usize| (jobs < MAX_JOBS).then_some(jobs + 1);
        jobs.fetch_update(Ordering::AcqRel, Ordering::Relaxed, free).ok().map(|_| Self(jobs.clone()))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_comes_back_and_its_place_is_free_again() {
        let compute = Compute::new(2).unwrap();
        assert_eq!(compute.run(|| 6 * 7).await.unwrap(), 42);
        assert!(compute.run(|| panic!("on purpose")).await.is_err());
        assert_eq!(compute.run(|| 1).await.unwrap(), 1);
        for _ in 0..100 {
            if compute.jobs() == 0 {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        panic!("places were not given back");
    }

    #[tokio::test]
    async fn a_full_queue_refuses() {
        let compute = Compute::new(1).unwrap();
        compute.jobs.store(MAX_JOBS, Ordering::Relaxed);
        assert_eq!(compute.run(|| 1).await.unwrap_err().kind, Kind::Busy);
    }
}
