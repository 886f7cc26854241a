<?php

declare(strict_types=1);

namespace Hawser\Internal\Guzzle;

use Hawser\Facts;

/**
 * What `TransferStats::getHandlerStats()` returns: the names that curl uses, in seconds, so that existing code goes on
 * reading them, and our own facts under `hawser`.
 *
 * @internal
 */
final class Stats
{
    /**
     * @return array<string, mixed>
     */
    public static function of(?Facts $facts, string $url, int $status, float $elapsedSeconds, int $downloadedBytes, int $uploadedBytes): array
    {
        $address = $facts->remoteAddress ?? '';
        $colon = strrpos($address, ':');
        $connect = self::seconds($facts->connectUs ?? -1);

        return [
            'url' => $url,
            'http_code' => $status,
            'http_version' => ($facts->protocol ?? '') === 'h2' ? 3 : 2, // CURL_HTTP_VERSION_2_0, CURL_HTTP_VERSION_1_1
            'total_time' => $facts !== null && $facts->totalUs >= 0 ? $facts->totalUs / 1e6 : $elapsedSeconds,
            'queue_time' => self::seconds($facts->queueUs ?? -1),
            'connect_time' => $connect,
            'appconnect_time' => $connect,
            'pretransfer_time' => self::seconds($facts->queueUs ?? -1) + $connect,
            'starttransfer_time' => self::seconds($facts->firstByteUs ?? -1),
            'size_download' => $downloadedBytes,
            'size_upload' => $uploadedBytes,
            'num_connects' => ($facts->session ?? '') === 'reused' ? 0 : 1,
            'primary_ip' => $colon === false ? '' : trim(substr($address, 0, $colon), '[]'),
            'primary_port' => $colon === false ? 0 : (int) substr($address, $colon + 1),
            'hawser' => $facts,
        ];
    }

    private static function seconds(int $us): float
    {
        return $us < 0 ? 0.0 : $us / 1e6;
    }
}
