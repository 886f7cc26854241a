<?php

declare(strict_types=1);

namespace HawserBench;

use Throwable;

/** What a process is told to do: the same thing again and again, until a number or a time is reached. */
final readonly class Job
{
    /** Enough to see what went wrong; the rest is counted. */
    private const MAX_MESSAGES = 5;

    /**
     * @param string $act     `get`, `fanOut` or `upload`
     * @param int    $size    exchanges at once for `fanOut`, octets for `upload`
     * @param int    $expect  octets that must come back
     * @param int    $repeats how often at most
     * @param float  $seconds how long at most
     */
    public function __construct(
        private string $act,
        private string $path,
        private int $size,
        private int $expect,
        private int $repeats,
        private float $seconds,
    ) {}

    public static function fromJson(string $json): self
    {
        $values = json_decode($json, true, flags: JSON_THROW_ON_ERROR);

        return new self($values['act'], $values['path'], $values['size'], $values['expect'], $values['repeats'], $values['seconds']);
    }

    /**
     * Each repeat is one PHP request: it opens its transport, as the application would.
     *
     * @return array{latenciesUs: list<int>, wallUs: int, cpuUs: int, errors: int, messages: list<string>}
     */
    public function run(Target $target): array
    {
        $latenciesUs = [];
        $messages = [];
        $errors = 0;
        $cpuBefore = self::cpuUs();
        $startedAt = hrtime(true);
        $until = $startedAt + (int) ($this->seconds * 1e9);
        $now = $startedAt;
        for ($i = 0; $i < $this->repeats && $now < $until; $i++) {
            $sentAt = hrtime(true);
            try {
                $bytes = $this->once($target->open());
                if ($bytes !== $this->expect) {
                    throw new \UnexpectedValueException("{$bytes} octets came instead of {$this->expect}");
                }
            } catch (Throwable $error) {
                $errors++;
                if (\count($messages) < self::MAX_MESSAGES) {
                    $messages[] = $error::class . ': ' . $error->getMessage();
                }
            }
            $now = hrtime(true);
            $latenciesUs[] = intdiv($now - $sentAt, 1000);
        }

        return [
            'latenciesUs' => $latenciesUs,
            'wallUs' => intdiv($now - $startedAt, 1000),
            'cpuUs' => self::cpuUs() - $cpuBefore,
            'errors' => $errors,
            'messages' => $messages,
        ];
    }

    private function once(Transport $transport): int
    {
        return match ($this->act) {
            'get' => $transport->get($this->path),
            'fanOut' => $transport->fanOut($this->path, $this->size),
            'upload' => $transport->upload($this->path, $this->size),
            default => throw new \InvalidArgumentException("act is '{$this->act}'; allowed: get, fanOut, upload"),
        };
    }

    private static function cpuUs(): int
    {
        $usage = getrusage();

        return ($usage['ru_utime.tv_sec'] + $usage['ru_stime.tv_sec']) * 1_000_000
            + $usage['ru_utime.tv_usec'] + $usage['ru_stime.tv_usec'];
    }
}
