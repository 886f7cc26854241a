<?php

declare(strict_types=1);

namespace Hawser\Symfony\Internal;

use Closure;
use Hawser\Facts;

/**
 * What `getInfo()` tells: the keys that the contract names, those of `curl_getinfo()` that are known, and `hawser`.
 *
 * @internal
 */
final class Info
{
    public int $status = 0;

    /** @var list<string> of all responses, informational and redirecting ones too */
    public array $lines = [];

    public int $redirects = 0;

    public ?string $redirectUrl = null;

    /** Seconds since 1970; 0.0: not sent yet. */
    public float $startTime = 0.0;

    public bool $isCanceled = false;

    public ?string $error = null;

    /** Octets of the response body as they came, before any decoding. */
    public int $received = 0;

    /** Octets of the response body that its head promises; 0: it does not say. */
    public int $expected = 0;

    public int $sent = 0;

    public string $contentType = '';

    /** @var array<string, list<string>>|null */
    public ?array $trailers = null;

    /** Of the exchange under way, or of the last one. */
    public ?Facts $facts = null;

    public string $debug = '';

    /** When the exchange under way began, on the clock of hrtime(). */
    private int $hopBeganNs = 0;

    private ?int $endedNs = null;

    private float $redirectSeconds = 0.0;

    public function __construct(public string $url, public string $method, private readonly string $originalUrl) {}

    /** An exchange begins: the first, or one that a redirect asked for. */
    public function begin(Outgoing $outgoing): void
    {
        $nowNs = (int) hrtime(true);
        if ($this->startTime === 0.0) {
            $this->startTime = microtime(true);
        } else {
            ++$this->redirects;
            $this->redirectSeconds += ($nowNs - $this->hopBeganNs) / 1e9;
        }
        $this->hopBeganNs = $nowNs;
        $this->url = $outgoing->url;
        $this->method = $outgoing->method;
        $this->redirectUrl = null;
        $this->facts = null;
        $this->debug .= "> {$outgoing->method} {$outgoing->url}\r\n" . implode('', array_map(
            static fn(array $header): string => "> {$header[0]}: " . (\in_array(strtolower($header[0]), ['authorization', 'cookie', 'proxy-authorization'], true) ? '(not shown)' : $header[1]) . "\r\n",
            $outgoing->headers,
        )) . "> \r\n";
    }

    public function head(Head $head): void
    {
        $this->status = $head->status;
        array_push($this->lines, ...$head->lines);
        $this->debug .= '< ' . implode("\r\n< ", $head->lines) . "\r\n< \r\n";
        $this->contentType = $head->headers['content-type'][0] ?? '';
        $this->expected = (int) ($head->headers['content-length'][0] ?? 0);
    }

    public function end(): void
    {
        $this->endedNs ??= (int) hrtime(true);
    }

    /**
     * @param Closure(float): void $pause
     *
     * @return array<string, mixed>
     */
    public function toArray(Settings $settings, Closure $pause): array
    {
        $facts = $this->facts;
        $total = $this->hopBeganNs === 0 ? 0.0 : $this->redirectSeconds + (($this->endedNs ?? (int) hrtime(true)) - $this->hopBeganNs) / 1e9;
        $connect = self::seconds($facts?->connectUs);
        preg_match('/^\[?(.*?)]?:(\d+)$/', $facts->remoteAddress ?? '', $address);

        return [
            'response_headers' => $this->lines,
            'http_code' => $this->status,
            'error' => $this->error,
            'canceled' => $this->isCanceled,
            'url' => $this->url,
            'original_url' => $this->originalUrl,
            'http_method' => $this->method,
            'user_data' => $settings->userData,
            'max_duration' => $settings->maxDuration,
            'max_connect_duration' => $settings->maxConnectDuration,
            'start_time' => $this->startTime,
            'redirect_count' => $this->redirects,
            'redirect_url' => $this->redirectUrl,
            'redirect_time' => $this->redirectSeconds,
            'connect_time' => $connect,
            'pretransfer_time' => $connect,
            'starttransfer_time' => self::seconds($facts?->firstByteUs),
            'total_time' => $total,
            'size_upload' => (float) $this->sent,
            'size_download' => (float) $this->received,
            'speed_download' => $total > 0 ? $this->received / $total : 0.0,
            'speed_upload' => $total > 0 ? $this->sent / $total : 0.0,
            'download_content_length' => $this->expected > 0 ? (float) $this->expected : -1.0,
            'content_type' => $this->contentType === '' ? null : $this->contentType,
            'primary_ip' => $address[1] ?? '',
            'primary_port' => (int) ($address[2] ?? 0),
            'trailers' => $this->trailers,
            'pause_handler' => $pause,
            'debug' => $this->debug,
            'hawser' => $facts,
        ];
    }

    private static function seconds(?int $us): float
    {
        return $us === null || $us < 0 ? 0.0 : $us / 1e6;
    }
}
